//go:build !linux

package netlab

import (
	"context"
	"errors"
	"os/exec"
	"syscall"
)

const (
	insideEnv = "ZEROMS_LAB_INSIDE="
	people    = -1
)

// tied is how children are started where the system can't be told to end them
// together with this process.
func tied() *syscall.SysProcAttr { return nil }

var errNoNamespaces = errors.New("only Linux has network namespaces")

func canIsolate() error { return errNoNamespaces }

func inside() bool { return false }

func isolate(context.Context, files) error { return errNoNamespaces }

// space is a network in namespaces, which there are none of here.
type space struct{}

func newSpace(context.Context, int) (*space, error) { return nil, errNoNamespaces }

func (s *space) host(int) string { return "" }

func (s *space) command(_ int, program string, args ...string) *exec.Cmd {
	return exec.Command(program, args...)
}

func (s *space) part(context.Context, int, int) error { return errNoNamespaces }
func (s *space) join(context.Context, int, int) error { return errNoNamespaces }
