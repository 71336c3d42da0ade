package main

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/pflag"

	"zeroms/cmd/zeroms-gateway/network"
)

// logging is how a run logs.
type logging struct {
	format    string
	level     string
	addresses bool
}

func (l *logging) flags(flags *pflag.FlagSet) {
	flags.StringVar(&l.format, "log-format", "text", "text or json, one line an event, on stderr")
	flags.StringVar(&l.level, "log-level", "info", "debug, info, warn or error")
	flags.BoolVar(&l.addresses, "log-addresses", false,
		"log network addresses of links too, at level debug: then the log says who was connected when; see docs/operations.md")
}

// logger makes the logger. Addresses without level debug would be a wish that comes
// to nothing.
func (l logging) logger(w io.Writer) (*slog.Logger, error) {
	var level slog.Level
	switch l.level {
	case "debug":
		level = slog.LevelDebug
	case "info":
	case "warn":
		level = slog.LevelWarn
	case "error":
		level = slog.LevelError
	default:
		return nil, usageError{fmt.Errorf("--log-level is debug, info, warn or error, not %q", l.level)}
	}
	if l.addresses && level != slog.LevelDebug {
		return nil, usageError{fmt.Errorf("--log-addresses needs --log-level debug: addresses stand in those lines only")}
	}
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: network.Named}
	switch l.format {
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	}
	return nil, usageError{fmt.Errorf("--log-format is text or json, not %q", l.format)}
}
