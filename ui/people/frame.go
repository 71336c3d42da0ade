// Package people holds the pages about people: the user's card, adding somebody,
// requests of strangers, and one contact. What they show and do is in
// ui/model/people.
package people

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"zeroms/ui/model/people"
	"zeroms/ui/page"
	"zeroms/ui/theme"
	w "zeroms/ui/widget"
)

// frame is what the pages have in common: a header above content that scrolls.
type frame struct {
	host   *page.Host
	header *w.Header
	body   *fyne.Container // what scrolls
	scroll *container.Scroll
	root   *fyne.Container
}

// newFrame puts body below a header.
func newFrame(h *page.Host, title string, body *fyne.Container) *frame {
	f := &frame{host: h, header: w.NewHeader(title, ""), body: body}
	f.header.OnBack = h.Nav.Back
	f.scroll = w.NewScroll(body)
	f.root = container.NewStack(w.NewPlate(theme.Background), container.NewBorder(f.header, nil, nil, nil, f.scroll))
	return f
}

// Object is page.Page's.
func (f *frame) Object() fyne.CanvasObject { return f.root }

// Narrow is page.Page's.
func (f *frame) Narrow(narrow bool) { f.header.SetNarrow(narrow) }

// arrange lays out anew what may have another height now.
func (f *frame) arrange() {
	f.body.Refresh()
	f.scroll.Refresh()
}

// view joins a model to the page; draw brings the page to what the model is.
func (f *frame) view(draw func()) people.View {
	return people.View{Changed: draw, Fail: f.host.Say.Fail}
}

// show shows an object or hides it.
func show(object fyne.CanvasObject, visible bool) {
	if visible {
		object.Show()
	} else {
		object.Hide()
	}
}

// images are the endings of pictures that a QR code is read from.
var images = []string{".png", ".jpg", ".jpeg"}

// dropped is the first of the files that were dropped, empty if there is none.
func dropped(uris []fyne.URI) string {
	for _, uri := range uris {
		if uri != nil && uri.Scheme() == "file" {
			return uri.Path()
		}
	}
	return ""
}

// able enables or disables a control.
func able(control fyne.Disableable, on bool) {
	if on {
		control.Enable()
	} else {
		control.Disable()
	}
}
