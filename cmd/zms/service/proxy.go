package service

import (
	"context"

	"zeroms/cmd/zms/control"
	"zeroms/protocol/link"
)

// proxyText is a proxy as rows name it: empty if there is none.
func proxyText(p *link.Proxy) string {
	if p == nil {
		return ""
	}
	return p.String()
}

// Direct is what an override says that wants no proxy.
const Direct = "direct"

// proxy shows or changes what links go through. Links that exist end then: none
// goes on by the way of before.
func (p *Profile) proxy(ctx context.Context, r control.Request, emit control.Emit) error {
	var next *link.Proxy
	if r.Cmd == control.CmdProxySet {
		var err error
		if next, err = link.ParseProxy(r.Proxy); err != nil {
			return err
		}
	}
	if r.Cmd != control.CmdProxyShow {
		if err := p.Kept.SetProxy(ctx, next); err != nil {
			return err
		}
		if err := p.Route.Use(next); err != nil {
			return err
		}
	}
	now := p.Kept.Proxy()
	row := &control.Proxy{Type: control.TypeProxy, Proxy: proxyText(now), Login: now != nil && now.User != ""}
	if instead, ok := p.Route.Override(); ok {
		row.Override = Direct
		if instead != nil {
			row.Override = instead.String()
		}
	}
	return emit(row)
}
