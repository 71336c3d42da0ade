package main

import (
	"cmp"
	"context"
	"path/filepath"

	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/owner"
)

// dir is the profile's directory.
func (a *app) dir() (string, error) {
	dir := a.profile
	if dir == "" {
		dir = a.getenv("ZMS_PROFILE")
	}
	if data := a.getenv("XDG_DATA_HOME"); dir == "" && filepath.IsAbs(data) {
		dir = filepath.Join(data, "zeroms")
	}
	if home := a.getenv("HOME"); dir == "" && home != "" {
		dir = filepath.Join(home, ".local", "share", "zeroms")
	}
	if dir == "" {
		return "", control.Usage("there is no home directory; name the profile's directory with --profile DIR")
	}
	return filepath.Abs(dir)
}

// access is the way to the owner of the profile.
func (a *app) access() (*owner.Access, error) {
	if a.way != nil {
		return a.way, nil
	}
	dir, err := a.dir()
	if err != nil {
		return nil, err
	}
	text := a.proxyText()
	via, err := owner.ParseVia(text)
	if err != nil {
		return nil, err
	}
	a.way = &owner.Access{Dir: dir, Passphrase: a.askPassphrase, Via: via, Log: a.log()}
	return a.way, nil
}

// proxyText is what the command line or the environment says about the proxy.
func (a *app) proxyText() string { return cmp.Or(a.proxy, a.getenv("ZMS_PROXY")) }

// via is how links are made where no profile says it.
func (a *app) via() (owner.Via, error) {
	via, err := owner.ParseVia(a.proxyText())
	if via == nil {
		return owner.Via{}, err
	}
	return *via, nil
}

// ask makes one request of the profile's owner, whoever that is.
func (a *app) ask(ctx context.Context, r control.Request, emit control.Emit) error {
	way, err := a.access()
	if err != nil {
		return err
	}
	return way.Ask(ctx, r, emit)
}

// reach finds the profile's owner.
func (a *app) reach(ctx context.Context) (owner.Place, error) {
	way, err := a.access()
	if err != nil {
		return owner.Place{}, err
	}
	return way.Reach(ctx)
}

// open opens the profile here.
func (a *app) open(ctx context.Context) (owner.Place, error) {
	way, err := a.access()
	if err != nil {
		return owner.Place{}, err
	}
	return way.Open(ctx)
}

// own opens the profile and keeps it for this command alone.
func (a *app) own(ctx context.Context) (owner.Place, error) {
	way, err := a.access()
	if err != nil {
		return owner.Place{}, err
	}
	return way.Own(ctx)
}
