package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"zeroms/cmd/zeroms-gateway/control"
	"zeroms/cmd/zeroms-gateway/folder"
	"zeroms/cmd/zeroms-gateway/machine"
	"zeroms/cmd/zeroms-gateway/network"
	"zeroms/gateway"
	"zeroms/gateway/mailbox"
	"zeroms/gateway/status"
	"zeroms/protocol/card"
	"zeroms/protocol/wire"
	database "zeroms/store/mailbox"
)

func newRun() *cobra.Command {
	var dir, registration, name string
	var at network.Place
	var logs logging
	var others network.Options
	command := &cobra.Command{
		Use:   "run --data DIR --listen HOST:PORT",
		Short: "Run the gateway until SIGINT or SIGTERM",
		Long: `Run the gateway until SIGINT or SIGTERM, then drain it and exit with 0.

When it is ready it writes its address to DIR/address and prints it, at a terminal
its QR code, and a line that begins with "ready". A new DIR is initialised first.
Under systemd it says that it is ready (Type=notify), and answers its watchdog.

With --join it becomes part of a network of gateways, and remembers those it met.
--join takes a gateway's address, somebody's contact card, or a file with either.
It listens on the TCP and the UDP port of --listen (docs/operations.md).

A start that is refused leaves no new DIR behind.`,
		Example: `  zeroms-gateway run --data /tmp/gw --listen 127.0.0.1:0                        # a trial on one computer
  zeroms-gateway run --data /var/lib/zeroms --listen :443 --public gw.example.org --join ZMSG:...
  zeroms-gateway run --data /var/lib/zeroms --listen :443 --public gw.example.org --join card.png`,
		Args: noArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			log, err := logs.logger(command.ErrOrStderr())
			if err != nil {
				return err
			}
			if err := errors.Join(needData(dir), asUsage(at.Check()), folder.CheckRegistration(registration), asUsage(others.Check())); err != nil {
				return err
			}
			p := &parts{at: at, log: log, logAddresses: logs.addresses, others: others, since: time.Now().UTC()}
			defer p.close()
			fresh := folder.Config{Version: folder.Version, Network: name, Registration: registration}
			if err := p.begin(command.Context(), dir, fresh, command.Flags().Changed("network")); err != nil {
				return err
			}
			return p.runAll(command.Context(), command.OutOrStdout())
		},
	}
	dataFlag(command, &dir)
	flags := command.Flags()
	flags.StringVar(&at.Listen, "listen", "127.0.0.1:7443", "HOST:PORT to listen on; port 0 takes a free one")
	flags.StringVar(&at.Public, "public", "", "HOST[:PORT] by which others reach the gateway (default: as --listen)")
	flags.BoolVar(&at.Plain, "plain", false, "without TLS, on loopback only")
	flags.StringVar(&at.Status, "status-listen", "", "HOST:PORT of this computer for /healthz and Prometheus' /metrics, for example 127.0.0.1:9464 (default: none)")
	logs.flags(flags)
	flags.StringVar(&name, "network", "public", "for a new directory: public, lab, or four letters of your own")
	flags.StringVar(&registration, "registration", folder.RegisterUndecided, "set who may register, for this run and later ones: open, invite or work (default: open on loopback, else invite)")
	others.Flags(flags)
	words(command, "scope", "loopback", "lan", "public")
	words(command, "registration", folder.RegisterOpen, folder.RegisterInvite, folder.RegisterWork)
	words(command, "network", "public", "lab")
	words(command, "log-format", "text", "json")
	words(command, "log-level", "debug", "info", "warn", "error")
	return command
}

// begin opens the directory and listens. It makes a new directory last, and changes an
// old one last: a start that is refused leaves nothing of what it was told.
func (p *parts) begin(ctx context.Context, dir string, said folder.Config, named bool) (err error) {
	old := folder.Exists(dir)
	if old {
		if p.data, err = folder.Open(dir); err != nil {
			return err
		}
		if own := p.data.Config.Network; named && said.Network != own {
			return usageError{fmt.Errorf("this gateway belongs to the network %s, and that can't be changed; use another directory for %s", own, said.Network)}
		}
		said.Network = p.data.Config.Network
	}
	n, err := folder.NetworkOf(said.Network)
	if err != nil {
		return err
	}
	if err := p.others.Fits(n, p.at); err != nil {
		return err
	}
	if p.sockets, err = p.at.Open(ctx); err != nil {
		return err
	}
	if !old {
		if p.data, err = folder.Create(dir, said); err != nil {
			return err
		}
		p.fresh = true
	}
	return p.data.Decide(p.at.Local(), said.Registration)
}

// parts is everything that a running gateway consists of.
type parts struct {
	data         *folder.Folder
	fresh        bool // data was made by this start, and goes if it fails
	at           network.Place
	log          *slog.Logger
	logAddresses bool
	others       network.Options
	net          *network.Network // nil: it is part of none
	capacity     gateway.Capacity
	store        *observed
	box          *mailbox.Mailbox
	gateway      *gateway.Gateway
	status       *status.Status // nil: nobody asks
	sockets      network.Sockets
	socket       net.Listener
	address      card.Address
	since        time.Time
}

// runAll opens the rest and serves until ctx ends.
func (p *parts) runAll(ctx context.Context, stdout io.Writer) error {
	switch err := p.open(ctx); {
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		p.fresh = false // what it computed so far is good for the next start
		return nil      // it was told to end before it began
	case err != nil:
		return err
	}
	p.fresh = false
	return p.run(ctx, stdout)
}

// open opens the store and the control socket, and makes the gateway.
func (p *parts) open(ctx context.Context) (err error) {
	p.capacity = p.data.Config.Capacity()
	if err := p.fit(); err != nil {
		return err
	}
	db, err := database.Open(ctx, p.data.Path(folder.DatabaseFile))
	if err != nil {
		return err
	}
	p.store = &observed{DB: db}
	p.store.LogTo(p.log)
	box := mailbox.Config{
		Node: p.data.Node, Network: p.data.Network(), Limits: p.data.Config.Announced(),
		Registration: p.data.Policy(), Store: p.store, Log: p.log,
	}
	if box.Registration == mailbox.ByWork {
		box.RegisterBits = p.data.Config.Bits()
		box.Limits.RegisterBits = box.RegisterBits
	}
	p.box, err = mailbox.New(box)
	if err != nil {
		return err
	}
	if p.address, err = p.at.Address(p.sockets.Links.Addr(), p.data.Node.Public(), p.data.Network()); err != nil {
		return usageError{err}
	}
	if err := p.openGateway(ctx, box.Limits); err != nil {
		return err
	}
	if p.sockets.Status != nil {
		p.status, err = status.New(status.Config{Version: version(), Health: p.health, Read: p.reading})
		if p.store.status = p.status; err != nil {
			return err
		}
	}
	p.socket, err = control.Listen(p.data.Dir)
	return err
}

// openGateway makes the gateway, with its part in the network.
func (p *parts) openGateway(ctx context.Context, limits wire.Limits) (err error) {
	p.net, err = network.Open(ctx, network.Setup{
		Dir: p.data.Dir, Node: p.data.Node, At: p.address, Bound: p.sockets.Links.Addr(), Limits: limits, Takes: p.data.Takes(),
		Deposits: p.store, MaxConns: p.capacity.Connections(), Log: p.log, LogAddresses: p.logAddresses,
	}, p.others)
	if err != nil {
		return err
	}
	cfg := gateway.Config{
		Node: p.data.Node, Network: p.data.Network(), Limits: limits, Capacity: p.capacity,
		Mailbox: p.box, Log: p.log, LogAddresses: p.logAddresses,
	}
	if p.net != nil {
		cfg.Overlay = p.net.Overlay
	}
	p.gateway, err = gateway.New(cfg)
	return err
}

// close closes everything, the directory last.
func (p *parts) close() {
	p.sockets.Close()
	if p.socket != nil {
		p.socket.Close()
	}
	p.net.Close()
	if p.store != nil {
		if err := p.store.Close(); err != nil {
			p.log.Error("the database was not closed cleanly; nothing acknowledged is lost", "err", err)
		}
	}
	if p.fresh {
		p.data.Remove()
	}
	if p.data != nil {
		p.data.Close()
	}
}

// run serves until ctx ends or a part fails, which ends the others. The
// control socket answers until the links are drained.
func (p *parts) run(ctx context.Context, stdout io.Writer) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	controlling, stopControl := context.WithCancel(context.WithoutCancel(ctx))
	defer stopControl()
	var serving, others sync.WaitGroup
	failed := func(err error) {
		if err != nil {
			cancel(err)
		}
	}
	serving.Go(func() { failed(p.gateway.Run(ctx)) })
	serving.Go(func() { failed(p.gateway.Serve(ctx, p.sockets.Links, p.at.Plain)) })
	if p.net != nil {
		serving.Go(func() { failed(p.net.Serve(ctx, p.gateway)) })
	}
	others.Go(func() { failed(p.control().Serve(controlling, p.socket)) })
	if p.status != nil {
		others.Go(func() { failed(p.status.Serve(controlling, p.sockets.Status)) })
	}
	others.Go(func() { failed(p.loopWatchdog(controlling)) })
	others.Go(func() { machine.LoopCollect(controlling) })
	defer context.AfterFunc(ctx, func() { p.tell("STOPPING=1") })()
	failed(p.ready(ctx, stdout))
	serving.Wait()
	stopControl()
	others.Wait()
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// ready announces the address once the mailbox can take requests.
func (p *parts) ready(ctx context.Context, stdout io.Writer) error {
	select {
	case <-p.box.Ready():
	case <-ctx.Done():
		return nil
	}
	text, err := p.address.Text()
	if err != nil {
		return err
	}
	if err := machine.WriteFile(p.data.Path(folder.AddressFile), []byte(text+"\n")); err != nil {
		return fmt.Errorf("the address can't be written to %s: %w", p.data.Dir, err)
	}
	_, err = fmt.Fprintf(stdout, "%s\n%sready %s registration=%s network=%s\n",
		text, picture(stdout, text), p.sockets.Links.Addr(), p.data.Registration, p.data.Config.Network)
	p.log.Info("gateway ready", "version", version(), "registration", p.data.Registration, "links", p.capacity.Conns)
	p.tell("READY=1")
	return err
}

// control answers the commands that work beside a running gateway.
func (p *parts) control() control.Server {
	return control.Server{
		Live: func() control.Live {
			l := control.Live{
				Since: p.since, Registration: p.data.Registration, Listen: p.sockets.Links.Addr().String(),
				Pid: os.Getpid(), MostLinks: p.capacity.Conns, Links: p.gateway.Stats(),
			}
			l.Overlay = p.net.Live(context.Background())
			if p.sockets.Status != nil {
				l.Status = p.sockets.Status.Addr().String()
			}
			return l
		},
		Peers:  p.net.Peers,
		Remove: p.removeAccount,
		Quota:  p.setQuota,
	}
}
