package bench

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"zeroms/cmd/zeroms-lab/bench/network"
	"zeroms/cmd/zeroms-lab/bench/peer"
	"zeroms/cmd/zeroms-lab/bench/process"
	"zeroms/cmd/zeroms-lab/bench/ui"
)

// New is the command "bench" with its commands.
func New() *cobra.Command {
	command := &cobra.Command{
		Use:   "bench",
		Short: "Measure gateways, other servers beside them, and the desktop app",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("bench has no command %q; see %s --help", args[0], c.CommandPath())
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	command.AddCommand(newGateway(), newPeers(), newRelay(), network.New(), ui.New())
	return command
}

func noArgs(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage("%s takes no argument %q; see %s --help", c.Name(), args[0], c.CommandPath())
	}
	return nil
}

// options are flags that become a Config.
type options struct {
	Config
	tls            string
	seconds, warm  float64
	json, markdown bool
}

// load adds the flags of the load that every server can have.
func (o *options) load(c *cobra.Command, works []string) {
	f := c.Flags()
	f.BoolVar(&o.json, "json", false, "one JSON object a line")
	f.BoolVar(&o.markdown, "markdown", false, "a table of Markdown")
	f.StringSliceVar(&o.Works, "works", works, "the works to measure")
	f.StringVar(&o.Dir, "dir", "", "where to put the servers' directories, on the disk that counts (default: the system's for temporary files)")
	f.Float64Var(&o.seconds, "seconds", 10, "how long live and paced are measured")
	f.Float64Var(&o.warm, "warm", 2, "how many seconds they run before that")
	f.IntVar(&o.Pairs, "pairs", 50, "pairs of accounts of live and paced")
	f.IntVar(&o.InFlight, "in-flight", 16, "envelopes of a pair that are on their way, in live")
	f.IntVar(&o.Rate, "rate", 1000, "envelopes a second, in paced")
	f.IntVar(&o.Messages, "messages", 200_000, "envelopes of queue and drain")
	f.IntVar(&o.Accounts, "away", 50, "accounts that are away, in queue and drain")
	f.IntVar(&o.QueueRoom, "queue-in-flight", 64, "envelopes of a sender without a receipt, in queue")
	f.IntVar(&o.Connections, "connections", 3000, "connections of idle")
}

// config is the Config that the flags say.
func (o *options) config(c *cobra.Command) (*Config, error) {
	if o.seconds < 0.1 || o.seconds > 600 || o.warm < 0 || o.warm > 60 {
		return nil, usage("--seconds is 0.1 to 600 and --warm 0 to 60, not %v and %v", o.seconds, o.warm)
	}
	o.Time, o.Warm = time.Duration(o.seconds*float64(time.Second)), time.Duration(o.warm*float64(time.Second))
	if o.json && o.markdown {
		return nil, usage("--json and --markdown are two forms; choose one")
	}
	o.out, o.patience = o.sink(c.OutOrStdout()), arriveWait
	switch o.tls {
	case "both":
		o.TLS = []bool{false, true}
	case "no":
		o.TLS = []bool{false}
	case "yes":
		o.TLS = []bool{true}
	default:
		return nil, usage("--tls is yes, no or both, not %q", o.tls)
	}
	return &o.Config, nil
}

func (o *options) sink(to io.Writer) sink {
	if o.json {
		return jsonSink{to}
	}
	return tableSink{to, o.markdown}
}

func newGateway() *cobra.Command {
	var o options
	command := &cobra.Command{
		Use:   "gateway",
		Short: "Measure a ZeroMS gateway",
		Long: `Start a gateway as a process of its own on loopback, once without TLS and once
with it, load it with the works, and print what it carried for a second and for
a second of its CPU time (docs/performance.md):

  live      pairs of which each has envelopes in flight
  paced     a fixed number of envelopes a second
  queue     envelopes for accounts that are away
  drain     those accounts come and take everything
  idle      connections that do nothing
  accounts  a gateway with many accounts is started again
  e2e       two real clients, from Send to the recipient's event
  waiting   a real client comes back to many texts

A work fails when anything that has a receipt does not arrive once and in order.`,
		Args: noArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			c, err := o.config(command)
			if err != nil {
				return err
			}
			if c.Address == "" {
				if c.Program, err = sibling(c.Program); err != nil {
					return err
				}
			}
			return c.run(command.Context())
		},
	}
	o.load(command, names)
	o.gateway(command)
	return command
}

// gateway adds the flags that only a gateway has.
func (o *options) gateway(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.tls, "tls", "both", "links with TLS: yes, no or both")
	f.StringVar(&o.Program, "program", "", "the zeroms-gateway program (default: the one beside this program)")
	f.StringVar(&o.Address, "gateway", "", "the address (ZMSG:...) of a gateway on this computer that runs already")
	f.IntVar(&o.PID, "pid", 0, "the process number of that gateway")
	f.IntVar(&o.Crowd, "accounts", 50_000, "accounts of the work accounts")
	f.IntVar(&o.Contacts, "contacts", 20, "drops of each of them")
	f.IntVar(&o.Texts, "texts", 2000, "texts of e2e")
	f.IntVar(&o.WaitingTexts, "waiting-texts", 10_000, "texts of waiting")
	f.IntVar(&o.AckRows, "ack-rows", 1, "a device acknowledges as soon as so many rows came")
	f.DurationVar(&o.AckDelay, "ack-delay", 50*time.Millisecond, "or so long after the first of them")
	f.StringVar(&o.CPUProfile, "cpuprofile", "", "let the gateway write CPU profiles to FILE.plain.WORK and FILE.tls.WORK (needs a gateway built with the tag lab)")
}

func newPeers() *cobra.Command {
	o := options{Config: Config{Crowd: 1, Contacts: 1, Texts: 1, WaitingTexts: 1, AckRows: 1}, tls: "no"}
	command := &cobra.Command{
		Use:   "peers",
		Short: "Measure other servers with the same works",
		Long: `Measure an MQTT broker (mosquitto, QoS 1, plain, nothing on the disk) and a bare
WebSocket relay with the works live, paced, queue, drain and idle, under the same
load and counted in the same way as a gateway.`,
		Args: noArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			c, err := o.config(command)
			if err != nil {
				return err
			}
			return c.runPeers(command.Context())
		},
	}
	o.load(command, names[:5])
	command.Flags().StringSliceVar(&o.Peers, "peers", []string{"mosquitto", "relay"}, "the servers to measure")
	return command
}

func newRelay() *cobra.Command {
	return &cobra.Command{
		Use:   "relay",
		Short: "Run a bare WebSocket relay on loopback, for comparison",
		Args:  noArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			process.ServeSignals()
			if _, err := fmt.Fprintln(command.OutOrStdout(), "ready", l.Addr()); err != nil {
				return err
			}
			return peer.ServeRelay(command.Context(), l)
		},
	}
}

// sibling is the path of a gateway program that was named, or of the one beside
// this program.
func sibling(named string) (string, error) {
	path := named
	if path == "" {
		own, err := os.Executable()
		if err != nil {
			return "", err
		}
		path = filepath.Join(filepath.Dir(own), "zeroms-gateway")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(path); err != nil {
		return "", usage("zeroms-gateway is not at %s; build it with make build, or name it with --program", path)
	}
	return path, nil
}
