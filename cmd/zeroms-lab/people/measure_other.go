//go:build !linux

package people

import (
	"errors"
	"time"
)

// errSystem tells where nothing can be measured.
var errSystem = errors.New("people: only Linux tells what is measured here")

func syncTime(string) (time.Duration, error) { return 0, errSystem }

func processTime() (time.Duration, error) { return 0, errSystem }
