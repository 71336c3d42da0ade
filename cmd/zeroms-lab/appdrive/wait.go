package appdrive

import (
	"context"
	"fmt"
	"time"
)

// Until polls until met or an error; what names in the error of a ctx that ends what was
// waited for.
func Until(ctx context.Context, every time.Duration, what string, met func() (bool, error)) error {
	timer := time.NewTimer(every)
	defer timer.Stop()
	for {
		ok, err := met()
		if ok || err != nil {
			return err
		}
		timer.Reset(every)
		select {
		case <-timer.C:
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, context.Cause(ctx))
		}
	}
}

// Pause waits a moment, as a hand does.
func Pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
