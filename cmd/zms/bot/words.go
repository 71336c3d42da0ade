package bot

import (
	"strings"

	"zeroms/cmd/zms/control"
)

// Words splits a command line as a shell does: at blanks, but not inside of '...'
// or "...", and \ takes away what the next character means. There is no shell
// behind it: what only a shell understands ($, |, *, ...) is refused unless it is
// quoted. Error: a Failure of the name NameUsage.
func Words(line string) (words []string, err error) {
	var word strings.Builder
	begun, quote, escaped := false, rune(0), false
	for _, r := range line {
		switch {
		case escaped:
			if quote == '"' && !strings.ContainsRune(`"\$`+"`", r) {
				word.WriteByte('\\')
			}
			word.WriteRune(r)
			escaped = false
		case r == '\\' && quote != '\'':
			begun, escaped = true, true
		case quote != 0 && r == quote:
			quote = 0
		case quote == '"' && (r == '$' || r == '`'), quote == 0 && strings.ContainsRune("$`|&;<>()*?[]{}!#~", r):
			return nil, control.Usage("the program runs without a shell, which %q is for: quote it with '...', or write sh -c '...'", r)
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			begun, quote = true, r
		case r == ' ' || r == '\t' || r == '\n':
			if begun {
				words = append(words, word.String())
				word.Reset()
			}
			begun = false
		default:
			begun = true
			word.WriteRune(r)
		}
	}
	if quote != 0 || escaped {
		return nil, control.Usage("the command line of the program ends inside of a quotation")
	}
	if begun {
		words = append(words, word.String())
	}
	if len(words) == 0 || words[0] == "" {
		return nil, control.Usage("the program to run is missing")
	}
	return words, nil
}
