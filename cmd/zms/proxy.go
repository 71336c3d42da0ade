package main

import (
	"bufio"
	"io"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/report"
	"zeroms/protocol/link"
)

func newProxy(a *app) *cobra.Command {
	c := group("proxy", "Show and set the proxy that all connections go through",
		newProxySet(a), newProxyShow(a), newProxyClear(a))
	return c
}

func newProxySet(a *app) *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:   "set socks5://HOST:PORT",
		Short: "Make all connections through a SOCKS5 proxy, such as Tor's",
		Long: `Make all connections of this profile through a SOCKS5 proxy, from now on: those
that exist end. Tor's is socks5://127.0.0.1:9050, and makes gateways with .onion
addresses reachable. The proxy looks the gateways' names up; nobody else is asked
for them. If the proxy can't be reached nothing is connected: there is no way around
it. A gateway without TLS can't be used through a proxy.

Without a user and a password of its own, the proxy is shown another pair for each
gateway. Tor then goes a way of its own to each of them, so that gateways can't
tell by the way that they serve the same person.

The setting is sealed in the profile, and not in what zms export writes. --proxy
and $ZMS_PROXY go before it, but only where the command makes the connections
itself: if the process that owns the profile makes them in another way, the command
is refused (locked). zms init and zms restore keep the proxy that they were given
so.`,
		Annotations: rows("proxy"),
		Args:        takes("PROXY"),
		RunE: func(c *cobra.Command, args []string) error {
			text, err := withLogin(args[0], file)
			if err != nil {
				return err
			}
			return a.run(c.Context(), control.Request{Cmd: control.CmdProxySet, Proxy: text}, report.Says(report.Proxy))
		},
	}
	c.Flags().StringVar(&file, "login-file", "", "log in at the proxy with the user and the password in the first two lines of this `FILE`")
	return c
}

func newProxyShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "show",
		Short: "Show the proxy",
		Long: `Show the proxy that the profile keeps, and what the process that owns the profile
was told to use instead.`,
		Annotations: rows("proxy"),
		Args:        takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			return a.run(c.Context(), control.Request{Cmd: control.CmdProxyShow}, report.Says(report.Proxy))
		},
	}
}

func newProxyClear(a *app) *cobra.Command {
	return &cobra.Command{
		Use:         "clear",
		Short:       "Make connections directly again",
		Long:        `Make connections directly again. Those through the proxy end.`,
		Annotations: rows("proxy"),
		Args:        takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			return a.run(c.Context(), control.Request{Cmd: control.CmdProxyClear}, report.Says(report.Proxy))
		},
	}
}

// withLogin puts the login of a file into the URL of a proxy.
func withLogin(text, file string) (string, error) {
	if _, err := link.ParseProxy(text); err != nil || file == "" {
		return text, err
	}
	u, err := url.Parse(text)
	if err != nil {
		return "", link.ErrProxyAddress
	}
	if u.User != nil {
		return "", control.Usage("the proxy's address holds a user and a password already; leave them out, or --login-file")
	}
	f, err := os.Open(file)
	if err != nil {
		return "", control.Usage("the file with the login can't be read: %v", err)
	}
	defer f.Close()
	var lines []string
	for in := bufio.NewScanner(io.LimitReader(f, maxPassphrase)); len(lines) < 2 && in.Scan(); {
		lines = append(lines, strings.TrimRight(in.Text(), "\r"))
	}
	if len(lines) < 2 || lines[0] == "" || lines[1] == "" {
		return "", control.Usage("the file %s has to hold the user in its first line and the password in its second", file)
	}
	u.User = url.UserPassword(lines[0], lines[1])
	return u.String(), nil
}
