package timeline

import (
	"strconv"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"

	"zeroms/ui/theme"
)

// DownSize is the width and the height of a Down at 100 %, with the room for its
// number.
const DownSize = 56

// Down is the round button that leads to the end, with how many rows are new there.
type Down struct {
	widget.BaseWidget
	tapped func()
	count  int
	over   bool

	disc   *canvas.Circle
	icon   *canvas.Image
	badge  *canvas.Rectangle
	number *canvas.Text
}

// NewDown makes a Down that is hidden.
func NewDown(tapped func()) *Down {
	d := &Down{tapped: tapped, disc: canvas.NewCircle(nil), icon: canvas.NewImageFromResource(nil), badge: canvas.NewRectangle(nil), number: canvas.NewText("", nil)}
	d.number.Alignment, d.number.TextStyle.Bold = fyne.TextAlignCenter, true
	d.icon.FillMode = canvas.ImageFillContain
	d.Hidden = true
	d.ExtendBaseWidget(d)
	return d
}

// ID names the button for whoever drives the app.
func (d *Down) ID() string { return "talk.down" }

// Set shows it, or hides it, with a number; 0: none.
func (d *Down) Set(visible bool, count int) {
	if visible == d.Visible() && count == d.count {
		return
	}
	d.count = count
	if visible {
		d.Show()
		d.Refresh()
	} else {
		d.Hide()
	}
}

// Tapped leads to the end.
func (d *Down) Tapped(*fyne.PointEvent) { d.tapped() }

// MouseIn shows that it can be pressed.
func (d *Down) MouseIn(*desktop.MouseEvent) {
	d.over = true
	d.Refresh()
}

// MouseMoved is not needed.
func (d *Down) MouseMoved(*desktop.MouseEvent) {}

// MouseOut is MouseIn's other half.
func (d *Down) MouseOut() {
	d.over = false
	d.Refresh()
}

func (d *Down) paint() {
	z := theme.Zoom()
	d.disc.FillColor, d.disc.StrokeColor, d.disc.StrokeWidth = theme.Color(theme.Panel), theme.Color(theme.Line), 1
	if d.over {
		d.disc.FillColor = theme.Color(theme.Field)
	}
	d.disc.Move(fyne.NewPos(8*z, 12*z))
	d.disc.Resize(fyne.NewSquareSize(40 * z))
	d.icon.Resource = theme.IconIn("arrow-down", theme.Secondary)
	d.icon.Move(fyne.NewPos(18*z, 22*z))
	d.icon.Resize(fyne.NewSquareSize(20 * z))
	d.number.Text, d.number.TextSize, d.number.Color = strconv.Itoa(d.count), theme.Size(theme.SizeSmall), theme.Color(theme.OnAccent)
	if d.count > 99 {
		d.number.Text = "99+"
	}
	size := d.number.MinSize()
	width := max(20*z, size.Width+10*z)
	d.badge.FillColor, d.badge.CornerRadius = theme.Color(theme.Accent), 10*z
	d.badge.Move(fyne.NewPos(28*z-width/2, 2*z))
	d.badge.Resize(fyne.NewSize(width, 20*z))
	d.number.Move(fyne.NewPos(28*z-width/2, 2*z+(20*z-size.Height)/2))
	d.number.Resize(fyne.NewSize(width, size.Height))
	for _, o := range []fyne.CanvasObject{d.badge, d.number} {
		if d.count > 0 {
			o.Show()
		} else {
			o.Hide()
		}
	}
}

// CreateRenderer is widget.Widget's.
func (d *Down) CreateRenderer() fyne.WidgetRenderer {
	d.paint()
	r := &plainRenderer{objects: []fyne.CanvasObject{d.disc, d.icon, d.badge, d.number}}
	r.min = fyne.NewSquareSize(DownSize * theme.Zoom())
	r.refresh = func() {
		d.paint()
		d.icon.Refresh()
		canvas.Refresh(d.disc)
	}
	return r
}
