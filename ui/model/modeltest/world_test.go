package modeltest_test

import (
	"context"
	"errors"
	"testing"

	"zeroms/client"
	"zeroms/protocol/card"
	"zeroms/ui/model"
	"zeroms/ui/model/modeltest"
)

func TestHistoryIsReadInPages(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{Empty: true, People: 500, Messages: 100_000})
	p := w.Profile()
	latest, err := p.Talk.Latest(t.Context())
	if err != nil || len(latest) != 500 {
		t.Fatalf("%d conversations, %v", len(latest), err)
	}
	total := 0
	for _, m := range latest {
		total += int(m.Height)
	}
	if total < 99_000 || total > 101_000 {
		t.Errorf("%d messages", total)
	}
	before, n, more := uint32(client.Top), 0, true
	last := uint32(0)
	for more {
		var page []client.Message
		if page, before, more, err = p.Talk.History(t.Context(), 1, before, 100); err != nil {
			t.Fatal(err)
		}
		if last != 0 && page[len(page)-1].Height != last-1 {
			t.Fatalf("%d comes before %d", page[len(page)-1].Height, last)
		}
		last = page[0].Height
		n += len(page)
	}
	if n != int(latest[0].Height) {
		t.Errorf("%d of %d", n, latest[0].Height)
	}
	for _, m := range latest[:3] {
		if again, ok := w.Message(m.ID); !ok || again.Text != m.Text || !again.Written.Equal(m.Written) {
			t.Error("a message changes when it is read again")
		}
	}
}

func TestCardsAndAddressesAreReal(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{})
	ctx := context.Background()
	all, err := w.Profile().Cards.Cards(ctx)
	if err != nil || len(all) != 4 {
		t.Fatal(len(all), err)
	}
	k, err := card.Parse(all[0].Text)
	if err != nil || k.Name != "Mira" || k.User != w.User() {
		t.Errorf("%v, %v", k, err)
	}
	if _, err := w.Profile().People.Add(ctx, k, ""); !errors.Is(err, client.ErrOwnCard) {
		t.Errorf("the own card: %v", err)
	}
	other, err := w.Profile().People.Add(ctx, modeltest.CardOf("Vera"), "")
	if err != nil || other.Name != "Vera" {
		t.Errorf("%+v, %v", other, err)
	}
	gateways, _ := w.Profile().Homes.Gateways(ctx)
	if _, err := card.ParseAddress(gateways[0].Address); err != nil {
		t.Error(err)
	}
	if _, err := w.Profile().Inside.Start(ctx, true); err != nil {
		t.Fatal(err)
	}
	invite, err := w.Profile().Inside.Invite(ctx)
	if text, bad := invite.Text(); err != nil || bad != nil || text == "" {
		t.Errorf("%v, %v", err, bad)
	}
}

func TestAHeldWorldAndErrors(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{Passphrase: "secret"})
	var order []int
	w.Async.Hold = true
	w.Async.Do(func(context.Context) func() {
		order = append(order, 1)
		return func() { order = append(order, 3) }
	})
	w.Async.Slow(func(context.Context) func() {
		order = append(order, 4)
		return nil
	})
	then := w.Async.Answer()
	order = append(order, 2)
	then()
	w.Async.Release()
	if len(order) != 4 || order[0] != 1 || order[1] != 2 || order[2] != 3 || order[3] != 4 {
		t.Errorf("%v", order)
	}
	trouble := errors.New("disk")
	w.Fail("Send", trouble)
	if _, err := w.Profile().Talk.Send(t.Context(), 1, "x"); !errors.Is(err, trouble) || w.Calls("Send") != 1 {
		t.Errorf("%v", err)
	}
	w.Door = model.DoorLocked
	if _, err := w.NewDoor().Unlock(t.Context(), "wrong"); !errors.Is(err, modeltest.ErrPassphrase) {
		t.Errorf("%v", err)
	}
	if _, err := w.NewDoor().Restore(t.Context(), model.Restoration{Words: modeltest.Phrase()}); err != nil {
		t.Error(err)
	}
	sub := w.Profile().Talk.Subscribe()
	sub.Close()
}
