package ui

import (
	"fmt"
	mathrand "math/rand/v2"
	"strings"
)

// What people are called, and what they say.
var (
	givenNames  = []string{"Anna", "Ben", "Chen Wei", "Dora", "Emil", "Fatima", "Gustav", "Hanna", "李娜", "Ivan", "Jun", "王芳", "Kofi", "Lena", "张伟", "Mila", "Noor", "Olga", "刘洋", "Pavel"}
	familyNames = []string{"Arslan", "Berg", "Costa", "Dahl", "Eriksen", "Fischer", "Grau", "Haddad", "Ito", "Jansen", "Keller", "Lund", "Mori", "Novak", "Okafor", "Petrov", "Quist", "Rossi", "Sato", "Tanaka", "Ueda", "Vogel", "Weber", "Yilmaz", "Zhou"}

	sayings = []string{
		"Good morning!", "On my way.", "See you at six?", "Yes, that works for me.", "Let me check and come back to you.",
		"The train is late again, I'll be there in twenty minutes.", "Did you read the second chapter? The part about the river is the best thing in it.",
		"Thanks 🙏", "Ha, I had the same thought this morning.", "Could you send me the address once more?",
		"早上好！", "我在路上了。", "好的，没问题。", "今天晚上一起吃饭吗？", "那家店换了菜单，我们下次再去看看。",
		"毫秒级的延迟，真的很快。", "收到 👍", "等我开完会再说。", "照片拍得真好，发给妈妈看了吗？", "明天可能下雨，记得带伞。",
		"I moved the meeting to Thursday because half of us are away on Wednesday; the room is the same, and the agenda is in the shared notes.",
		"🎉🎉🎉", "https://example.org/a/page/with/a/long/path?and=a&query=string", "ok", "?", "no",
	}
)

// longer is what takes several lines.
const longer = "This is a longer one, as people write when something needs explaining: it has several sentences, and none of them is very short. " +
	"The point is that the text wraps over a number of lines in the bubble, and that its height has to be known before it is drawn. 有时候也会夹杂一些中文。"

// nameOf is what the n-th contact is called; each name comes once.
func nameOf(n int) string {
	given, family := givenNames[n%len(givenNames)], familyNames[n/len(givenNames)%len(familyNames)]
	if round := n / (len(givenNames) * len(familyNames)); round > 0 {
		return fmt.Sprintf("%s %s %d", given, family, round+1)
	}
	return given + " " + family
}

// textOf is what somebody says: mostly a line, at times a paragraph or a list.
func textOf(dice *mathrand.Rand) string {
	line := func() string { return sayings[dice.IntN(len(sayings))] }
	switch roll := dice.IntN(100); {
	case roll < 70:
		return line()
	case roll < 88:
		return line() + " " + line()
	case roll < 95:
		return longer + " " + line()
	default:
		lines := make([]string, 2+dice.IntN(6))
		for i := range lines {
			lines[i] = "- " + line()
		}
		return strings.Join(lines, "\n")
	}
}
