package tui

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"

	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/tui/edit"
	"zeroms/cmd/zms/tui/look"
	"zeroms/cmd/zms/tui/roster"
	"zeroms/cmd/zms/tui/text"
	"zeroms/cmd/zms/tui/timeline"
)

// focus is where keys go.
type focus int

const (
	focusList   focus = iota
	focusSearch       // the search of the list
	focusTalk
)

// Model is what is on the screen.
type Model struct {
	ctx   context.Context
	cfg   Config
	again chan<- struct{} // follow the profile again

	width, height int
	profile       colorprofile.Profile
	theme         *look.Theme
	ruler         text.Ruler
	dark          bool
	blurred       bool // the terminal's window is not looked at
	mouse, bell   bool

	name     string // the user's own
	setBack  bool   // the profile is an older copy and not used
	roster   roster.Roster
	gateways map[string]*control.Gateway

	focus  focus
	search edit.Editor
	talks  map[uint64]*talk
	open   *talk // nil: no conversation
	box    box   // what lies over everything; nil: nothing
	boxTop int   // the first line of it that is seen

	notice  string // one sentence at the bottom, until the next key
	alarm   bool   // it is about something that failed
	outbox  []outgoing
	sending bool
	reading bool // a read mark is on its way
	stalled bool // a page could not be had: not again until something happens
	// counting: the unread messages are being counted, and countAgain: once more
	// afterwards.
	counting, countAgain bool
	failed               error // why the program ends, if it has to
}

// outgoing is a message that was not handed to the profile yet.
type outgoing struct {
	to   uint64
	text string
}

func newModel(ctx context.Context, cfg Config) *Model {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.Zone = cmp.Or(cfg.Zone, time.Local)
	m := &Model{
		ctx: ctx, cfg: cfg, dark: true, mouse: true, bell: cfg.Bell, profile: colorprofile.TrueColor,
		gateways: map[string]*control.Gateway{}, talks: map[uint64]*talk{},
	}
	m.restyle()
	return m
}

// prepare reads what the first screen shows, and looks the contact up.
func (m *Model) prepare() error {
	got, err := m.readAll()
	if err != nil {
		return err
	}
	m.takeAll(got)
	if m.cfg.Contact == "" {
		return nil
	}
	var id uint64
	r := control.Request{Cmd: control.CmdVerify, Contact: m.cfg.Contact}
	err = m.cfg.Profile.Ask(m.ctx, r, func(row control.Row) error {
		if s, ok := row.(*control.Safety); ok {
			id = s.Contact
		}
		return nil
	})
	m.roster.Select(id)
	return err
}

// Init asks the terminal what it is like, and opens the conversation that was
// asked for.
func (m *Model) Init() tea.Cmd {
	cmds := []tea.Cmd{tea.RequestBackgroundColor, m.preview()}
	if e := m.roster.Selected(); m.cfg.Contact != "" && e != nil {
		cmds = append(cmds, m.openTalk(e.ID()))
	}
	return tea.Batch(cmds...)
}

// Update changes what is on the screen.
func (m *Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	cmd := m.take(msg)
	return m, tea.Batch(cmd, m.needed(), m.markRead())
}

func (m *Model) take(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
		m.resize()
	case tea.KeyPressMsg:
		m.notice, m.stalled = "", false
		cmd := m.key(msg)
		m.resize()
		return cmd
	case tea.PasteMsg:
		m.paste(msg.Content)
		m.resize()
	case tea.MouseMsg:
		return m.onMouse(msg)
	case tea.FocusMsg:
		m.blurred = false
	case tea.BlurMsg:
		m.blurred = true
	case rowsMsg:
		m.stalled = false
		return m.takeRows(msg)
	case pageMsg:
		m.takePage(msg)
	case answerMsg:
		cmd := msg.then(msg.rows, msg.err)
		m.resize()
		return cmd
	case allMsg:
		return m.takeReload(msg)
	case countMsg:
		return m.takeCount(msg)
	case previewMsg:
		return m.takePreview(msg)
	case endedMsg:
		return m.takeEnd(msg.err)
	default:
		m.takeTerminal(msg)
	}
	return nil
}

// takeTerminal follows what the terminal says about itself.
func (m *Model) takeTerminal(msg tea.Msg) {
	switch msg := msg.(type) {
	case tea.ColorProfileMsg:
		m.profile = msg.Profile
		m.restyle()
	case tea.BackgroundColorMsg:
		m.dark = msg.IsDark()
		m.restyle()
	case tea.ModeReportMsg:
		if msg.Mode == ansi.ModeUnicodeCore && (msg.Value == ansi.ModeReset || msg.Value == ansi.ModeSet || msg.Value == ansi.ModePermanentlySet) {
			m.ruler.Clusters = true
			m.resize()
		}
	}
}

func (m *Model) restyle() {
	m.theme = look.New(m.profile, m.dark)
	m.resize()
}

// resize fits everything into the window. What is cheap when nothing changed may
// be done again.
func (m *Model) resize() {
	m.search.Fit(m.ruler, max(2, m.listWidth()-3))
	if m.box != nil {
		m.box.fit(m)
	}
	if m.open == nil {
		return
	}
	m.open.editor.Fit(m.ruler, max(2, m.talkWidth()-3))
	m.open.line.Resize(timeline.Screen{
		Width: m.talkWidth(), Height: m.lineHeight(), Theme: m.theme, Ruler: m.ruler, Name: m.nameOf(m.open.id),
		Zone: m.cfg.Zone, Today: m.cfg.Now(),
	})
}

// nameOf is what a contact is called, as it is printed.
func (m *Model) nameOf(id uint64) string {
	if e := m.roster.Entry(id); e != nil {
		return roster.Name(m.ruler, e.Contact)
	}
	return fmt.Sprintf("#%d", id)
}

// tell shows a sentence at the bottom, complain why something failed.
func (m *Model) tell(format string, args ...any) {
	m.notice, m.alarm = fmt.Sprintf(format, args...), false
	m.resize()
}

func (m *Model) complain(err error) {
	if m.ctx.Err() != nil {
		return
	}
	m.notice, m.alarm = control.Explain(err).Message, true
	m.resize()
}

// homes are the gateways in a steady order.
func (m *Model) homes() []*control.Gateway {
	all := make([]*control.Gateway, 0, len(m.gateways))
	for _, g := range m.gateways {
		all = append(all, g)
	}
	slices.SortFunc(all, func(a, b *control.Gateway) int {
		return cmp.Or(cmp.Compare(a.Host, b.Host), cmp.Compare(a.Node, b.Node))
	})
	return all
}
