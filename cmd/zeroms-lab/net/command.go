package netlab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
)

// The ways to partition.
const (
	partAuto   = "auto"
	partSpaces = "namespaces"
	partStop   = "stop"
)

// wrong is a command line that can't be understood.
type wrong struct{ error }

// Usage marks the error as one of the command line.
func (wrong) Usage() {}

func usage(format string, args ...any) error { return wrong{fmt.Errorf(format, args...)} }

// said is a failure of which everything was said already, by this program inside its
// namespaces.
type said struct{ error }

// Silent marks the error as one that needs no words.
func (said) Silent() {}

var errInside = said{errors.New("the run has failed")}

// files are where a program writes.
type files struct{ out, err io.Writer }

// New is the command "net".
func New() *cobra.Command {
	var c Config
	var minutes float64
	var partitions string
	command := &cobra.Command{
		Use:   "net",
		Short: "Let people chat through gateways that are killed, drained and cut off",
		Long: `Start gateways as processes of their own and people as real clients with their
databases on disk; each person has one home gateway or two. While they chat,
gateways are killed with -9 and started again, told to drain and started again,
cut off from everybody, and parted into two halves, and people drain one of
their homes and take another, as a seed says.

Every gateway is told of three others at most; they must all know each other
before anybody comes, and again in the end. People exchange cards that name no
gateway, and find each other through the network.

In the end everything must have arrived once and in the order of writing, and
every contact of somebody who moved must know it. The report says how long
letters took from Send to custody and to their recipient, by what was out
meanwhile, and how long failovers took: the first letters to somebody of whose
homes one is out. The command fails if anything was lost, doubled or out of
order, or took longer than it may:

  letters while nothing is out         median 0.5 s, 99 in 100 within 5 s
  failovers                            median 5 s, all within 15 s; of 20 or more 95 in 100 within 10 s
  letters to somebody all of whose
  homes were out, once one is back     all within 30 s

As root on Linux with ip(8) everything runs in network namespaces that end with
the command, and partitions are packets that get lost. Elsewhere the gateways
listen on loopback, one that is cut off is a process that is stopped, and there
are no halves.`,
		Example: `  zeroms-lab net --gateways 12 --users 40 --minutes 10
  zeroms-lab net --gateways 4 --users 8 --minutes 2 --json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("net takes no argument %q; see zeroms-lab net --help", args[0])
			}
			return nil
		},
		RunE: func(command *cobra.Command, _ []string) error {
			c.Lasts = time.Duration(minutes * float64(time.Minute))
			if err := c.check(); err != nil {
				return err
			}
			std := files{command.OutOrStdout(), command.ErrOrStderr()}
			return start(command.Context(), c, partitions, std)
		},
	}
	f := command.Flags()
	f.IntVar(&c.Gateways, "gateways", 12, "gateways, 1 to 200")
	f.IntVar(&c.Users, "users", 40, "people, 2 to 1000")
	f.Float64Var(&minutes, "minutes", 10, "how long they chat")
	f.Uint64Var(&c.Seed, "seed", 1, "of homes, friends, letters and faults")
	f.DurationVar(&c.Pause, "pause", 2*time.Second, "between two letters of a person, on average")
	f.BoolVar(&c.Named, "named-cards", false, "cards that name gateways, so that nobody has to be found through the network")
	f.StringVar(&partitions, "partitions", partAuto, "how gateways are cut off: namespaces, stop (SIGSTOP), or auto")
	f.StringVar(&c.Program, "gateway", "", "the zeroms-gateway program (default: the one beside this program)")
	f.StringVar(&c.Dir, "dir", "", "where to put the run's directory, on the disk that counts (default: the system's for temporary files)")
	f.BoolVar(&c.Keep, "keep", false, "keep that directory")
	f.BoolVar(&c.JSON, "json", false, "one JSON object a line")
	return command
}

// check refuses what can't be played.
func (c *Config) check() error {
	switch {
	case c.Gateways < 1 || c.Gateways > 200:
		return usage("--gateways is 1 to 200, not %d", c.Gateways)
	case c.Users < 2 || c.Users > 1000:
		return usage("--users is 2 to 1000, not %d", c.Users)
	case c.Lasts < 6*time.Second || c.Lasts > 24*time.Hour:
		return usage("--minutes is 0.1 to 1440, not %g", c.Lasts.Minutes())
	case c.Pause < time.Millisecond:
		return usage("--pause is 1ms at least, not %s", c.Pause)
	}
	return nil
}

// start plays the run, in namespaces if they are wanted and can be had.
func start(ctx context.Context, c Config, partitions string, std files) (err error) {
	if c.Program, err = sibling(c.Program); err != nil {
		return err
	}
	c.Out, c.Told = std.out, std.out
	if c.JSON {
		c.Told = std.err
	}
	switch partitions {
	case partStop:
		return Run(ctx, c)
	case partAuto, partSpaces:
	default:
		return usage("--partitions is auto, namespaces or stop, not %q", partitions)
	}
	if inside() {
		c.Isolated = true
		return Run(ctx, c)
	}
	switch err := canIsolate(); {
	case err == nil:
		return isolate(ctx, std)
	case partitions == partSpaces:
		return err
	default:
		fmt.Fprintf(c.Told, "No network namespaces here (%v): a gateway that is cut off will be a process that is stopped.\n", err)
		return Run(ctx, c)
	}
}

// sibling is the path of the gateway's program: as named, or beside this one.
func sibling(named string) (string, error) {
	if named == "" {
		own, err := os.Executable()
		if err != nil {
			return "", fmt.Errorf("this program can't be found, so zeroms-gateway beside it neither; name it with --gateway: %w", err)
		}
		named = filepath.Join(filepath.Dir(own), "zeroms-gateway")
	}
	path, err := filepath.Abs(named)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("zeroms-gateway is not at %s; build it with make build, or name it with --gateway", path)
	}
	return path, nil
}
