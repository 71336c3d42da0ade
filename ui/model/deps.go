package model

import (
	"time"

	"zeroms/ui/words"
)

// Deps is what view models are made with.
type Deps struct {
	Words   *words.Words
	Async   Async
	Feed    *Feed
	Profile *Profile
	// Now is the clock.
	Now func() time.Time
}
