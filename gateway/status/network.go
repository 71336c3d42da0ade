package status

import "github.com/prometheus/client_golang/prometheus"

// Network is a gateway's part in its network, as far as it is counted; zero for one
// that stands alone. Counts are since the start, the rest is of now.
type Network struct {
	Serving                                bool  // others reach it, and it holds records
	Known, Fresh, Stale                    int64 // gateways in the table
	Size                                   int64 // estimate of the network's gateways
	Records, Descriptors, Held             int64 // held for others; Held in bytes
	Added, Refreshed, Replaced, PassedOn   int64 // records
	Expired, Evicted, OverRate, OverQuota  int64
	Found, Missed, Stores                  int64 // own lookups and stores
	Answered, Failed, Served, Declined     int64 // requests to others, and of others
	Suspicions, WrongAnswers               int64
	Links, Channels                        int64
	QUIC, TCP, DialsFailed, Callers        int64 // links opened, and accepted
	SentOn, Local, Unreached, Withheld     int64 // forwards of own users
	Opened, Unopened, Throttled            int64 // forwards out of channels
	Deposits, Due, Lost                    int64 // records of own users, in memory
	Stored, Refused, Verified, Unverified  int64 // of them
	RelayedStores, RelayedGets, RelayedNot int64 // for other homes
}

// familyOf adds the metrics of one name with a label.
type familyOf func(kind prometheus.ValueType, d *prometheus.Desc, values map[string]func(*Reading) int64)

// network lists the numbers of a Network.
func network(count, gauge func(name, help string, value func(*Reading) int64), family familyOf) {
	of := func(value func(*Network) int64) func(*Reading) int64 {
		return func(r *Reading) int64 { return value(&r.Network) }
	}
	gauge("network_serving", "1 while other gateways reach this one and it holds records for them.", of(func(n *Network) int64 {
		if n.Serving {
			return 1
		}
		return 0
	}))
	family(prometheus.GaugeValue, desc("network_gateways", "Gateways in the table: all, those heard from lately, those that did not answer last.", "state"), map[string]func(*Reading) int64{
		"known": of(func(n *Network) int64 { return n.Known }),
		"fresh": of(func(n *Network) int64 { return n.Fresh }),
		"stale": of(func(n *Network) int64 { return n.Stale }),
	})
	gauge("network_size", "Estimate of how many gateways the network has.", of(func(n *Network) int64 { return n.Size }))
	family(prometheus.GaugeValue, desc("network_held", "Records held for others.", "kind"), map[string]func(*Reading) int64{
		"record":     of(func(n *Network) int64 { return n.Records }),
		"descriptor": of(func(n *Network) int64 { return n.Descriptors }),
	})
	gauge("network_held_bytes", "Memory that these take.", of(func(n *Network) int64 { return n.Held }))
	family(prometheus.CounterValue, desc("network_records_total", "Records that others asked to hold, and what became of those held.", "event"), map[string]func(*Reading) int64{
		"added":      of(func(n *Network) int64 { return n.Added }),
		"refreshed":  of(func(n *Network) int64 { return n.Refreshed }),
		"replaced":   of(func(n *Network) int64 { return n.Replaced }),
		"passed_on":  of(func(n *Network) int64 { return n.PassedOn }),
		"expired":    of(func(n *Network) int64 { return n.Expired }),
		"evicted":    of(func(n *Network) int64 { return n.Evicted }),
		"over_rate":  of(func(n *Network) int64 { return n.OverRate }),
		"over_quota": of(func(n *Network) int64 { return n.OverQuota }),
	})
	family(prometheus.CounterValue, desc("network_lookups_total", "Records that this gateway looked for.", "result"), map[string]func(*Reading) int64{
		"found":  of(func(n *Network) int64 { return n.Found }),
		"missed": of(func(n *Network) int64 { return n.Missed }),
	})
	count("network_stores_total", "Stores in the network by this gateway.", of(func(n *Network) int64 { return n.Stores }))
	family(prometheus.CounterValue, desc("network_requests_total", "Requests of the table: to others, answered or failed; of others, served or refused.", "result"), map[string]func(*Reading) int64{
		"answered": of(func(n *Network) int64 { return n.Answered }),
		"failed":   of(func(n *Network) int64 { return n.Failed }),
		"served":   of(func(n *Network) int64 { return n.Served }),
		"refused":  of(func(n *Network) int64 { return n.Declined }),
	})
	count("network_suspicions_total", "Places that looked crowded, so that whole regions were searched.", of(func(n *Network) int64 { return n.Suspicions }))
	count("network_wrong_answers_total", "Answers of other gateways that broke the rules.", of(func(n *Network) int64 { return n.WrongAnswers }))
	networkLinks(count, gauge, family, of)
}

// networkLinks lists what goes over links between gateways.
func networkLinks(count, gauge func(name, help string, value func(*Reading) int64), family familyOf, of func(func(*Network) int64) func(*Reading) int64) {
	gauge("network_links", "Links to other gateways that are open.", of(func(n *Network) int64 { return n.Links }))
	family(prometheus.CounterValue, desc("network_links_opened_total", "Links to other gateways that were opened.", "transport"), map[string]func(*Reading) int64{
		"quic": of(func(n *Network) int64 { return n.QUIC }),
		"tcp":  of(func(n *Network) int64 { return n.TCP }),
	})
	count("network_dials_failed_total", "Attempts to open one that failed.", of(func(n *Network) int64 { return n.DialsFailed }))
	count("network_callers_total", "Links of other gateways that were accepted.", of(func(n *Network) int64 { return n.Callers }))
	family(prometheus.CounterValue, desc("forwards_out_total", "Sealed requests of own users to other gateways.", "result"), map[string]func(*Reading) int64{
		"sent":        of(func(n *Network) int64 { return n.SentOn }),
		"local":       of(func(n *Network) int64 { return n.Local }),
		"unreachable": of(func(n *Network) int64 { return n.Unreached }),
		"refused":     of(func(n *Network) int64 { return n.Withheld }),
	})
	family(prometheus.CounterValue, desc("forwards_in_total", "Sealed requests that came through other gateways.", "result"), map[string]func(*Reading) int64{
		"opened":   of(func(n *Network) int64 { return n.Opened }),
		"unopened": of(func(n *Network) int64 { return n.Unopened }),
		"refused":  of(func(n *Network) int64 { return n.Throttled }),
	})
	gauge("channels", "Channels of such requests that are open.", of(func(n *Network) int64 { return n.Channels }))
	family(prometheus.GaugeValue, desc("deposits", "Records that own users left to be published, for today or soon.", "state"), map[string]func(*Reading) int64{
		"held": of(func(n *Network) int64 { return n.Deposits }),
		"due":  of(func(n *Network) int64 { return n.Due }),
		"lost": of(func(n *Network) int64 { return n.Lost }),
	})
	family(prometheus.CounterValue, desc("deposits_total", "Publications of them.", "result"), map[string]func(*Reading) int64{
		"stored":     of(func(n *Network) int64 { return n.Stored }),
		"failed":     of(func(n *Network) int64 { return n.Refused }),
		"verified":   of(func(n *Network) int64 { return n.Verified }),
		"unverified": of(func(n *Network) int64 { return n.Unverified }),
	})
	family(prometheus.CounterValue, desc("relayed_total", "What was stored and looked up for the users of other homes.", "result"), map[string]func(*Reading) int64{
		"stored":  of(func(n *Network) int64 { return n.RelayedStores }),
		"found":   of(func(n *Network) int64 { return n.RelayedGets }),
		"refused": of(func(n *Network) int64 { return n.RelayedNot }),
	})
}
