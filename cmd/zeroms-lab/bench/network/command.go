package network

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

// New is the command "network".
func New() *cobra.Command {
	c := &config{}
	var asJSON, markdown bool
	command := &cobra.Command{
		Use:   "network",
		Short: "Measure gateways that found each other",
		Long: `Start gateways as processes of their own on loopback, which find each other as a
network, and measure what users have of that (docs/performance.md):

  records    a user's record is deposited with a home and published by it; others
             get it through homes of theirs
  forward    a submission through an entry gateway beside one that goes directly
  people     the same between real clients, from Send to the recipient's event
  live       pairs with envelopes in flight, directly and through an entry gateway
  memory     a gateway with many users and many other gateways in its table
  transport  what one request between gateways costs on the wire and in CPU time

Every row names its aim, if there is one, and whether it was met; the command fails if
one was missed, once everything was measured. A work fails when something does not
arrive as it was sent.`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("%s takes no argument %q; see %s --help", c.Name(), args[0], c.CommandPath())
			}
			return nil
		},
		RunE: func(command *cobra.Command, _ []string) (err error) {
			if asJSON && markdown {
				return usage("--json and --markdown are two forms; choose one")
			}
			if c.program, err = sibling(c.program); err != nil {
				return err
			}
			c.out = tableSink{command.OutOrStdout(), markdown}
			if asJSON {
				c.out = jsonSink{command.OutOrStdout()}
			}
			return c.run(command.Context())
		},
	}
	f := command.Flags()
	f.BoolVar(&asJSON, "json", false, "one JSON object a line")
	f.BoolVar(&markdown, "markdown", false, "a table of Markdown")
	c.flags(command)
	return command
}

// flags adds what is measured and how much of it.
func (c *config) flags(command *cobra.Command) {
	f := command.Flags()
	f.StringSliceVar(&c.works, "works", names(), "the works to measure: "+strings.Join(names(), ", "))
	f.StringVar(&c.program, "program", "", "the zeroms-gateway program (default: the one beside this program)")
	f.StringVar(&c.dir, "dir", "", "where to put the gateways' directories, on the disk that counts (default: the system's for temporary files)")
	f.StringVar(&c.profile, "cpuprofile", "", "let the gateways of live write CPU profiles to FILE.direct, FILE.entry and FILE.exit (needs a gateway built with the tag lab)")
	f.BoolVar(&c.hold, "aims", true, "fail if an aim was missed, as on computers that are busy otherwise it will be")
	f.BoolVar(&c.noUDP, "no-udp", false, "let the gateways speak TCP only (WSS) instead of QUIC")
	f.IntVar(&c.gateways, "gateways", 12, "gateways of the network of records")
	f.IntVar(&c.publishes, "publishes", 120, "records that are published")
	f.IntVar(&c.gets, "gets", 600, "records that are got")
	f.IntVar(&c.messages, "messages", 500, "submissions of forward, each way")
	f.IntVar(&c.texts, "texts", 300, "texts of people, each way")
	f.IntVar(&c.pairs, "pairs", 50, "pairs of accounts of live")
	f.IntVar(&c.inFlight, "in-flight", 16, "envelopes of a pair that are on their way, in live")
	f.IntVar(&c.rounds, "rounds", 4, "how often live changes between the ways")
	f.Float64Var(&c.seconds, "seconds", 4, "how long each of them is measured")
	f.Float64Var(&c.warm, "warm", 1, "how many seconds it runs before that")
	f.IntVar(&c.users, "users", 1000, "users that are connected in memory")
	f.IntVar(&c.contacts, "contacts", 264, "other gateways in its table")
	f.IntVar(&c.requests, "requests", 2000, "requests of transport over a link that is open")
	f.IntVar(&c.coldOnes, "cold", 200, "requests of transport over a link of their own")
}

// sibling is the path of a gateway program that was named, or of the one beside this
// program.
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
