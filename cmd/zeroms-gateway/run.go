package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"zeroms/gateway"
	"zeroms/gateway/mailbox"
	"zeroms/protocol/card"
	database "zeroms/store/mailbox"
)

func newRun() *cobra.Command {
	var dir, registration, network string
	var at place
	command := &cobra.Command{
		Use:   "run --data DIR --listen ADDR",
		Short: "Run the gateway until SIGINT or SIGTERM",
		Long: `Run the gateway until SIGINT or SIGTERM, then drain it and exit with 0.

When it is ready it writes its address to DIR/address and prints it, its QR
code and a line that begins with "ready". A new DIR is initialised first.`,
		Args: noArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := errors.Join(needData(dir), at.check(), checkRegistration(registration)); err != nil {
				return err
			}
			d, err := openOrCreate(dir, config{Version: configVersion, Network: network, Registration: registration})
			if err != nil {
				return err
			}
			defer d.Close()
			if err := d.decide(command, at, registration); err != nil {
				return err
			}
			return runGateway(command.Context(), d, at, command.OutOrStdout(), command.ErrOrStderr())
		},
	}
	dataFlag(command, &dir)
	flags := command.Flags()
	flags.StringVar(&at.listen, "listen", "127.0.0.1:7443", "HOST:PORT to listen on; port 0 takes a free one")
	flags.StringVar(&at.public, "public", "", "HOST[:PORT] by which others reach the gateway (default: as --listen)")
	flags.BoolVar(&at.plain, "plain", false, "without TLS, on loopback only")
	flags.StringVar(&network, "network", "public", "for a new directory: public, lab, or four letters of your own")
	flags.StringVar(&registration, "registration", registerUndecided, "set who may register, for this run and later ones: open, invite or work (default: open on loopback, else invite)")
	return command
}

// openOrCreate opens the directory, making a gateway in it if it is new.
func openOrCreate(dir string, fresh config) (*data, error) {
	if exists(dir) {
		return openData(dir)
	}
	return create(dir, fresh)
}

// decide settles who may register in this run: the command line, which is kept
// for later ones, else what was kept, else everybody if only this computer can
// reach the gateway. The last is found anew at each start: what was tried on
// loopback must not be open once others can reach it.
func (d *data) decide(command *cobra.Command, at place, registration string) error {
	before := d.config
	if registration != registerUndecided {
		d.config.Registration = registration
	}
	d.registration = d.config.Registration
	switch {
	case d.registration != registerUndecided:
	case at.local():
		d.registration = registerOpen
	default:
		d.registration = registerInvite
	}
	if named, _ := command.Flags().GetString("network"); command.Flags().Changed("network") && named != before.Network {
		return usageError{fmt.Errorf("this gateway belongs to the network %s, and that can't be changed; use another directory for %s", before.Network, named)}
	}
	if d.config == before {
		return nil
	}
	return d.saveConfig()
}

// parts is everything that a running gateway consists of.
type parts struct {
	data    *data
	at      place
	log     *slog.Logger
	store   *database.DB
	box     *mailbox.Mailbox
	gateway *gateway.Gateway
	listen  net.Listener
	socket  net.Listener
	address card.Address
	since   time.Time
}

// runGateway opens everything, serves until ctx ends and closes everything.
func runGateway(ctx context.Context, d *data, at place, stdout, stderr io.Writer) error {
	p := &parts{data: d, at: at, log: slog.New(slog.NewTextHandler(stderr, nil)), since: time.Now().UTC()}
	defer p.close()
	if err := p.open(ctx); err != nil {
		return err
	}
	return p.run(ctx, stdout)
}

// open opens the store and both listeners.
func (p *parts) open(ctx context.Context) (err error) {
	if p.store, err = database.Open(ctx, p.data.path(databaseFile)); err != nil {
		return err
	}
	p.store.LogTo(p.log)
	box := mailbox.Config{
		Node: p.data.node, Network: p.data.network(), Limits: p.data.config.announced(),
		Registration: p.data.policy(), Store: p.store, Log: p.log,
	}
	if box.Registration == mailbox.ByWork {
		box.RegisterBits = p.data.config.bits()
		box.Limits.RegisterBits = box.RegisterBits
	}
	p.box, err = mailbox.New(box)
	if err != nil {
		return err
	}
	p.gateway, err = gateway.New(gateway.Config{
		Node: p.data.node, Network: p.data.network(), Limits: box.Limits, Capacity: p.data.config.capacity(),
		Mailbox: p.box, Log: p.log,
	})
	if err != nil {
		return err
	}
	if p.listen, err = new(net.ListenConfig).Listen(ctx, "tcp", p.at.listen); err != nil {
		return fmt.Errorf("can't listen on %s; choose another address or port: %w", p.at.listen, err)
	}
	if p.address, err = p.at.address(p.listen.Addr(), p.data.node.Public(), p.data.network()); err != nil {
		return err
	}
	p.socket, err = listenControl(p.data.dir)
	return err
}

func (p *parts) close() {
	if p.listen != nil {
		p.listen.Close()
	}
	if p.socket != nil {
		p.socket.Close()
	}
	if p.store != nil {
		if err := p.store.Close(); err != nil {
			p.log.Error("the database was not closed cleanly; nothing acknowledged is lost", "err", err)
		}
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
	serving.Go(func() { failed(p.gateway.Serve(ctx, p.listen, p.at.plain)) })
	others.Go(func() { failed(p.control().serve(controlling, p.socket)) })
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
	if err := writeFile(p.data.path(addressFile), []byte(text+"\n")); err != nil {
		return fmt.Errorf("the address can't be written to %s: %w", p.data.dir, err)
	}
	_, err = fmt.Fprintf(stdout, "%s\n%s\nready %s registration=%s network=%s\n",
		text, card.Terminal(text), p.listen.Addr(), p.data.registration, p.data.config.Network)
	return err
}

// control answers the status command.
func (p *parts) control() control {
	return control{live: func() live { return live{Since: p.since, Registration: p.data.registration, Links: p.gateway.Stats()} }}
}
