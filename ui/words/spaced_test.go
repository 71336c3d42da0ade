package words

import "testing"

func TestSpaced(t *testing.T) {
	for text, want := range map[string]string{
		"":                   "",
		"正在向Lin Wei请求":       "正在向 Lin Wei 请求",
		"3 s后重试":             "3 s 后重试",
		"删除 Борис？":          "删除 Борис？",
		"共2人，ZeroMS":         "共 2 人，ZeroMS",
		"11 月 3 日":           "11 月 3 日",
		"“Lin”和“林薇”":         "“Lin”和“林薇”",
		"network 网关 zms\n中A": "network 网关 zms\n中 A",
	} {
		if got := spaced(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}
