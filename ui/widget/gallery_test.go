package widget

import (
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/test"

	"zeroms/ui/model"
	"zeroms/ui/theme"
)

// shoot writes what a window shows where ZMS_SHOTS says.
func shoot(t *testing.T, window fyne.Window, name string) {
	t.Helper()
	picture := window.Canvas().Capture()
	dir := os.Getenv("ZMS_SHOTS")
	if dir == "" {
		return
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	file, err := os.Create(filepath.Join(dir, name+".png"))
	if err != nil {
		t.Fatal(err)
	}
	if err := png.Encode(file, picture); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}

// say is the gallery's language: English and Chinese side by side.
type say bool

func (chinese say) of(english, translated string) string {
	if chinese {
		return translated
	}
	return english
}

func user(n byte) (id [32]byte) {
	for i := range id {
		id[i] = n*37 ^ byte(i)*91 + n>>1*byte(i)
	}
	return id
}

func listRow(i byte, name, preview, trail string, unread int) fyne.CanvasObject {
	row := NewRow(fmt.Sprintf("list.row.%d", i), name, preview, func() {})
	row.SetLead(NewAvatar(user(i), name, 44))
	time := NewText(trail, Small)
	time.SetAlign(fyne.TextAlignTrailing)
	badge := NewBadge(unread)
	row.SetTrail(NewStack(2, time, NewLineRight(0, badge)))
	row.SetSelected(i == 1)
	return row
}

// gallery shows every widget once.
func gallery(t say) fyne.CanvasObject {
	field := NewField("field", t.of("Search Ctrl+F", "搜索 Ctrl+F"))
	written := NewField("written", "")
	written.SetText(t.of("Lin Wei", "林薇 Lin Wei"))
	area := NewArea("area", "")
	area.SetText(t.of("Several lines\nof a message", "一条消息\n有好几行 and more"))
	secret := NewSecret("secret", "")
	secret.SetText("hunter2")
	header := NewHeader(t.of("Lin Wei", "林薇"), t.of("Verified · 2 devices · last delivery 0.8 ms", "已验证 · 2 台设备 · 上次送达 0.8 ms"))
	header.SetLead(NewAvatar(user(1), "", 44))
	header.SetMark("shield", theme.Accent)
	header.SetNarrow(true)
	header.SetActions(NewIconButton("a", "search", "", nil), NewIconButton("b", "more", "", nil))
	off := NewButton("off", t.of("Not now", "暂不可用"), Primary, nil)
	off.Disable()
	notice := NewNotice(t.of("2 messages missing, asking Lin Wei…", "缺少 2 条消息，正在向林薇请求…"), GapNotice)
	alarm := NewNotice(t.of("The gateway took 2 messages into custody and never delivered them.", "该网关已保管 2 条消息，但从未送达。"), AlarmNotice)
	alarm.SetAction("evidence", t.of("Show evidence", "查看证据"), func() {})
	long := NewParagraph(t.of("A key made on this computer. No phone number, no e-mail, no server account. Whoever scans your card can write to you, now or when you are away.",
		"密钥在这台电脑上生成。不需要手机号、邮箱，也没有服务器账号。扫描名片的人可以给你写信，无论你现在是否在线（Hello，世界）。"), Secondary)
	left := NewStack(0, NewInset(12, 11, field),
		listRow(1, t.of("Lin Wei", "林薇"), t.of("Scanned it. The safety codes match, so we are verified", "二维码扫好了，安全码一致"), "12:41", 3),
		listRow(2, "Émile", "Le passage est à 18 h 04", "12:30", 0), listRow(3, "Борис", "Держится у двух шлюзов", "10:12", 12),
		listRow(4, t.of("Note to self", "备忘"), "gw.example.org 443", t.of("Thu", "周四"), 0), listRow(5, "Kaveh", t.of("Draft", "草稿"), t.of("Mon", "周一"), 1204),
		NewInset(16, 8, NewFlow(8, icons()...)))
	kinds := NewStack(4, NewText("ZeroMS 零毫秒", Heading), NewText(t.of("Your card", "我的名片"), Title), NewText(t.of("Body text", "正文 Body 123"), Body),
		NewText(t.of("Strong text", "粗体 Strong 123"), Strong), NewText(t.of("Secondary", "次要文字 abc"), Secondary), NewText("12:41", Small),
		NewText("ZMS:AEB4 Q7ZK 2M5T", Mono), NewText(t.of("0.4 ms", "有效 0.4 ms"), Accent), NewText(t.of("Revoke", "撤销"), Alarm))
	qr := NewQR(160)
	qr.SetText("ZMS:AEB4Q7ZK2M5TAEB4Q7ZK2M5TAEB4Q7ZK2M5TAEB4Q7ZK2M5TAEB4Q7ZK2M5TAEB4Q7ZK2M5T")
	middle := NewStack(12, NewPanel(NewStack(12, kinds, NewRule(), long)), written, secret, area,
		NewFlow(8, NewButton("p", t.of("Create", "创建"), Primary, func() {}), NewButton("q", t.of("Save image", "保存图片"), Plain, func() {}),
			NewButton("d", t.of("Erase", "清除"), Danger, func() {}), NewButton("e", t.of("Later", "稍后"), Quiet, func() {}), off, NewRoundButton("send", "send", "", func() {})),
		notice, alarm)
	right := NewStack(8, NewSwitch("s1", t.of("Read receipts", "已读回执"), t.of("Others see that you have read what they wrote, and you see it of them.", "对方能看到你已读，你也能看到对方已读。"), true, nil),
		NewSwitch("s2", t.of("Tray", "托盘"), "", false, nil),
		NewChoice("c", t.of("Appearance", "外观"), []string{t.of("As the system", "跟随系统"), t.of("Light", "浅色"), t.of("Dark", "深色")}, 1, nil), NewLine(0, qr))
	return NewLayer(container.NewBorder(header, nil, container.New(fixed(320), container.NewStack(NewPlate(theme.Panel), left)), nil,
		NewInset(24, 16, container.New(halves{}, middle, right))))
}

func icons() []fyne.CanvasObject {
	var found []fyne.CanvasObject
	for _, name := range iconNames() {
		found = append(found, NewMark(name, theme.Secondary, 22))
	}
	return append(found, NewMark("checks", theme.Accent, 16), NewMark("shield", theme.Accent, 16))
}

type fixed float32

func (f fixed) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	for _, o := range objects {
		place(o, 0, 0, size.Width, size.Height)
	}
}
func (f fixed) MinSize(objects []fyne.CanvasObject) fyne.Size {
	return fyne.NewSize(theme.Px(float32(f)), objects[0].MinSize().Height)
}

type halves struct{}

func (halves) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	width := (size.Width - 24) / 2
	for i, o := range objects {
		place(o, float32(i)*(width+24), 0, width, size.Height)
	}
}
func (halves) MinSize(objects []fyne.CanvasObject) fyne.Size { return fyne.NewSize(300, 300) }

func TestGallery(t *testing.T) {
	for _, scheme := range []model.Scheme{model.SchemeLight, model.SchemeDark} {
		for _, chinese := range []say{false, true} {
			for _, zoom := range []int{100, 150} {
				name := fmt.Sprintf("gallery-%s-%s-%d", map[model.Scheme]string{model.SchemeLight: "light", model.SchemeDark: "dark"}[scheme], chinese.of("en", "zh"), zoom)
				t.Run(name, func(t *testing.T) {
					test.NewTempApp(t).Settings().SetTheme(theme.New(model.Look{Scheme: scheme, Zoom: zoom}))
					window := test.NewTempWindow(t, gallery(chinese))
					window.SetPadded(false)
					window.Resize(fyne.NewSize(1180*float32(zoom)/100, 860*float32(zoom)/100))
					for _, problem := range Overflows(window.Content()) {
						t.Error(problem)
					}
					shoot(t, window, name)
				})
			}
		}
	}
}
