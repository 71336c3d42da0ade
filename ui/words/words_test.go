package words

import (
	"errors"
	"fmt"
	"testing"
	"testing/fstest"
	"time"

	"zeroms/protocol/wire"
)

func speak(t *testing.T, language string) *Words {
	t.Helper()
	w, err := New(language)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestSystemLanguage(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want string
	}{
		{nil, English},
		{map[string]string{"LANG": "zh_CN.UTF-8"}, Chinese},
		{map[string]string{"LANG": "en_GB.UTF-8", "LC_ALL": "zh_TW.UTF-8"}, Chinese},
		{map[string]string{"LANG": "zh_CN.UTF-8", "LC_MESSAGES": "de_DE"}, English},
		{map[string]string{"LANG": "en_US.UTF-8", "LANGUAGE": "zh_CN:en"}, Chinese},
		{map[string]string{"LANG": "C.UTF-8", "LANGUAGE": "zh_CN"}, English},
		{map[string]string{"LC_ALL": "C", "LANG": "zh_CN.UTF-8"}, English},
		{map[string]string{"LANGUAGE": "zh"}, Chinese},
		{map[string]string{"LANG": "zhx_XX"}, English},
		{map[string]string{"LANG": "ZH-hans"}, Chinese},
	} {
		if got := known(system(func(name string) string { return c.env[name] })); got != c.want {
			t.Errorf("%v: %s", c.env, got)
		}
	}
	t.Setenv("LC_ALL", "zh_CN.UTF-8")
	if got := speak(t, "").Language(); got != Chinese {
		t.Errorf("a Chinese system speaks %s", got)
	}
	if got := speak(t, "en").Language(); got != English {
		t.Errorf("what was asked for is English, not %s", got)
	}
}

func TestDates(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 41, 5, 0, time.Local)
	en, zh := speak(t, English), speak(t, Chinese)
	at := func(days int) time.Time { return now.AddDate(0, 0, -days) }
	for _, c := range []struct {
		t        time.Time
		day, tag string // in full, in Chinese
		when, wo string // short, in Chinese
	}{
		{now, "Today", "今天", "12:41", "12:41"},
		{at(1), "Yesterday", "昨天", "Fri", "周五"},
		{at(2), "19 November", "11 月 19 日", "Thu", "周四"},
		{at(6), "15 November", "11 月 15 日", "Sun", "周日"},
		{at(7), "14 November", "11 月 14 日", "14 Nov", "11 月 14 日"},
		{at(365), "21 November 2025", "2025 年 11 月 21 日", "21 Nov 2025", "2025/11/21"},
		{at(-1), "22 November", "11 月 22 日", "22 Nov", "11 月 22 日"},
		{time.Date(2026, 11, 21, 0, 0, 0, 0, time.Local), "Today", "今天", "00:00", "00:00"},
		{time.Date(2026, 11, 20, 23, 59, 59, 0, time.Local), "Yesterday", "昨天", "Fri", "周五"},
	} {
		for _, got := range [][2]string{{en.Day(c.t, now), c.day}, {zh.Day(c.t, now), c.tag}, {en.When(c.t, now), c.when}, {zh.When(c.t, now), c.wo}} {
			if got[0] != got[1] {
				t.Errorf("%v: %q, want %q", c.t, got[0], got[1])
			}
		}
	}
	if got := en.Moment(now); got != "21 November 2026, 12:41:05" {
		t.Error(got)
	}
	if got := zh.Moment(now); got != "2026 年 11 月 21 日 12:41:05" {
		t.Error(got)
	}
	if got := en.Clock(now.UTC()); got != "12:41" {
		t.Errorf("the clock of this place says %s", got)
	}
}

func TestTook(t *testing.T) {
	en, zh := speak(t, English), speak(t, Chinese)
	for _, c := range []struct {
		d       time.Duration
		en, chi string
	}{
		{0, "0.0 ms", "0.0 ms"},
		{-time.Second, "0.0 ms", "0.0 ms"},
		{41 * time.Microsecond, "0.04 ms", "0.04 ms"},
		{800 * time.Microsecond, "0.8 ms", "0.8 ms"},
		{996 * time.Microsecond, "1.0 ms", "1.0 ms"},
		{1240 * time.Microsecond, "1.2 ms", "1.2 ms"},
		{18 * time.Millisecond, "18 ms", "18 ms"},
		{412 * time.Millisecond, "412 ms", "412 ms"},
		{999600 * time.Microsecond, "1.0 s", "1.0 秒"},
		{1240 * time.Millisecond, "1.2 s", "1.2 秒"},
		{41 * time.Second, "41 s", "41 秒"},
		{59900 * time.Millisecond, "1 min", "1 分钟"},
		{3 * time.Minute, "3 min", "3 分钟"},
		{time.Hour, "1 hour", "1 小时"},
		{47 * time.Hour, "47 hours", "47 小时"},
		{30 * 24 * time.Hour, "30 days", "30 天"},
	} {
		if got := en.Took(c.d); got != c.en {
			t.Errorf("%v: %q, want %q", c.d, got, c.en)
		}
		if got := zh.Took(c.d); got != c.chi {
			t.Errorf("%v: %q, want %q", c.d, got, c.chi)
		}
	}
}

func TestNumbers(t *testing.T) {
	en, zh := speak(t, English), speak(t, Chinese)
	for n, want := range map[int]string{0: "0", 7: "7", 999: "999", 4812: "4,812", 1234567: "1,234,567", -1234: "-1,234", -123: "-123"} {
		if got := en.Number(n); got != want || zh.Number(n) != want {
			t.Errorf("%d: %q", n, got)
		}
	}
	for n, want := range map[uint64]string{0: "0 bytes", 1: "1 byte", 812: "812 bytes", 1024: "1 KB", 1536: "1.5 KB", 14 << 10: "14 KB", 212 << 20: "212 MB", 1<<30 - 1: "1 GB", 1 << 63: "8192 PB"} {
		if got := en.Bytes(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
	if got := zh.Bytes(812); got != "812 字节" {
		t.Error(got)
	}
}

func TestUnknownKey(t *testing.T) {
	w := speak(t, English)
	unknown := "base.nobodySaysThis"
	if got := w.Say(unknown); got != unknown {
		t.Errorf("%q", got)
	}
	if got := w.Count(unknown, 3, "Odd"); got != unknown {
		t.Errorf("%q", got)
	}
	if got := w.Say(unknown, 1, 2, "Name"); got != unknown {
		t.Errorf("%q", got)
	}
}

func TestPlaces(t *testing.T) {
	files := fstest.MapFS{
		"part.en.json":      {Data: []byte(`{"part.hello": "Hello {{.Name}}", "part.left": {"one": "{{.Count}} left of {{.Name}}", "other": "{{.Count}} left of {{.Name}}s"}, "part.only": "English"}`)},
		"part.zh_Hans.json": {Data: []byte(`{"part.hello": "你好，{{.Name}}", "part.left": {"other": "{{.Name}}还剩 {{.Count}} 个"}}`)},
	}
	for _, c := range []struct{ language, hello, one, many string }{
		{English, "Hello <b>&", "1 left of x", "4,812 left of xs"},
		{Chinese, "你好，<b>&", "x 还剩 1 个", "x 还剩 4,812 个"},
	} {
		bundle, err := load(files)
		if err != nil {
			t.Fatal(err)
		}
		w := with(bundle, c.language)
		for _, got := range [][2]string{{w.Say("part.hello", "Name", "<b>&"), c.hello}, {w.Count("part.left", 1, "Name", "x"), c.one}, {w.Count("part.left", 4812, "Name", "x"), c.many}, {w.Say("part.only"), "English"}} {
			if got[0] != got[1] {
				t.Errorf("%s: %q, want %q", c.language, got[0], got[1])
			}
		}
	}
	files["broken.en.json"] = &fstest.MapFile{Data: []byte(`{"a":`)}
	if _, err := load(files); err == nil {
		t.Error("a broken file was taken")
	}
}

func TestErrors(t *testing.T) {
	files := fstest.MapFS{"error.en.json": {Data: []byte(`{"error.no-qr": "There is no code in this picture.", "error.own": "That's you{{if .Who}}, {{.Who}}{{end}}."}`)}}
	bundle, err := load(files)
	if err != nil {
		t.Fatal(err)
	}
	w := with(bundle, English)
	own := errors.New("package: own")
	w.Names(func(err error) string {
		if errors.Is(err, own) {
			return "own"
		}
		return ""
	})
	for _, c := range []struct {
		err  error
		want string
	}{
		{nil, ""},
		{wire.ErrNoQR, "There is no code in this picture."},
		{fmt.Errorf("while reading: %w", wire.ErrNoQR.Because("it is a cat")), "There is no code in this picture."},
		{wire.ErrBusy, wire.Lookup(wire.CodeBusy).Sentence},
		{fmt.Errorf("add: %w", own), "That's you."},
		{errors.New("something else"), "something else"},
	} {
		if got := w.Error(c.err); got != c.want {
			t.Errorf("%v: %q, want %q", c.err, got, c.want)
		}
	}
	w.Args(func(error) []any { return []any{"Who", "Lin"} })
	for _, c := range []struct {
		err  error
		want string
	}{
		{own, "That's you, Lin."},
		{wire.ErrNoQR, "There is no code in this picture."},
	} {
		if got := w.Error(c.err); got != c.want {
			t.Errorf("%v: %q, want %q", c.err, got, c.want)
		}
	}
}

func BenchmarkSay(b *testing.B) {
	w, err := New(Chinese)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("plain", func(b *testing.B) {
		for b.Loop() {
			w.Say("base.today")
		}
	})
	b.Run("places", func(b *testing.B) {
		for b.Loop() {
			w.Say("base.date", "Day", 1, "Month", "11")
		}
	})
}
