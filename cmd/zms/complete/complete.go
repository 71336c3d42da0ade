// Package complete makes shells complete the commands of zms, their flags, and the
// contacts and gateways of a profile.
package complete

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"zeroms/cmd/manual"
	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/owner"
	"zeroms/cmd/zms/plain"
)

// Script writes what makes a shell complete: bash, zsh or fish. Error: a Failure of
// the name NameUsage for another one.
func Script(root *cobra.Command, shell string, out io.Writer) error {
	switch shell {
	case "bash":
		var script strings.Builder
		if err := root.GenBashCompletionV2(&script, true); err != nil {
			return err
		}
		_, err := io.WriteString(out, strings.Replace(script.String(), bashWords, ownWords, 1)+wordsOfBash)
		return err
	case "zsh":
		return root.GenZshCompletion(out)
	case "fish":
		return root.GenFishCompletion(out, true)
	}
	return control.Usage("there is no completion for %q; for bash, zsh and fish there is", shell)
}

// What the script for bash takes from the package bash-completion, and what does
// the same where that is missing: bash splits words at : and =, as in host:port.
const (
	bashWords   = `_get_comp_words_by_ref "$@" cur prev words cword`
	ownWords    = `__zms_words "$@"`
	wordsOfBash = `
__zms_words()
{
    if declare -F _get_comp_words_by_ref >/dev/null 2>&1; then
        _get_comp_words_by_ref "$@" cur prev words cword
        return
    fi
    local i glue=
    words=()
    for ((i = 0; i <= COMP_CWORD; i++)); do
        if [[ i -gt 0 && ( -n $glue || ${COMP_WORDS[i]} == [:=]* ) ]]; then
            words[${#words[@]}-1]+=${COMP_WORDS[i]}
        else
            words+=("${COMP_WORDS[i]}")
        fi
        [[ ${COMP_WORDS[i]} == *[:=] ]] && glue=1 || glue=
    done
    cword=$((${#words[@]} - 1))
    cur=${words[cword]} prev=${words[cword > 0 ? cword - 1 : 0]}
}
`
)

// completeWait bounds how long a completion may take: who presses Tab waits.
const completeWait = time.Second

// Profile tells where the profile is that a command line is about.
type Profile func() (dir string, err error)

// Commands makes every command below root complete its arguments and flags, by
// the names that they have in what the command says about itself.
func Commands(root *cobra.Command, p Profile) {
	root.CompletionOptions.DisableDefaultCmd = true
	p.flags(root, root.PersistentFlags())
	for _, c := range manual.Leaves(root) {
		use, _, _ := strings.Cut(c.Use, " | ")
		words := strings.Fields(use)[1:]
		c.ValidArgsFunction = func(c *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
			if len(args) >= len(words) {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return p.candidates(c.Context(), words[len(args)], c.Name())
		}
		p.flags(c, c.LocalNonPersistentFlags())
	}
}

func (p Profile) flags(c *cobra.Command, set *pflag.FlagSet) {
	set.VisitAll(func(f *pflag.Flag) {
		value, _ := pflag.UnquoteUsage(f)
		if value == "" {
			return
		}
		err := c.RegisterFlagCompletionFunc(f.Name, func(c *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
			return p.candidates(c.Context(), value, c.Name())
		})
		cobra.CheckErr(err) // only a flag that is there is registered, once
	})
}

// candidates are what may stand for a value of this name in a command.
func (p Profile) candidates(ctx context.Context, value, command string) ([]string, cobra.ShellCompDirective) {
	switch value = strings.Trim(value, "[]"); value {
	case "CONTACT", "MESSAGE", "MESSAGE|GATEWAY", "GATEWAY":
		limited, cancel := context.WithTimeout(ctx, completeWait)
		defer cancel()
		if value == "CONTACT" || value == "MESSAGE" { // erase takes either
			return p.contacts(limited, command), cobra.ShellCompDirectiveNoFileComp
		}
		return p.gateways(limited), cobra.ShellCompDirectiveNoFileComp
	case "FILE", "PROGRAM", "CARD|LINK|IMAGE|ID", "ADDRESS|IMAGE":
		return nil, cobra.ShellCompDirectiveDefault
	case "DIR":
		return nil, cobra.ShellCompDirectiveFilterDirs
	case "PROXY", "socks5://HOST:PORT":
		return []string{"socks5://127.0.0.1:9050\tTor", "direct"}, cobra.ShellCompDirectiveNoFileComp
	}
	if strings.ToLower(value) == value && strings.Contains(value, "|") {
		return strings.Split(value, "|"), cobra.ShellCompDirectiveNoFileComp
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}

// errAsks: whoever would have to be asked for a passphrase is not.
var errAsks = errors.New("a completion asks for no passphrase")

// look asks for what is here, without a word if that is not to be had.
func (p Profile) look(ctx context.Context, r control.Request, each func(control.Row)) {
	dir, err := p()
	if err != nil {
		return
	}
	way := &owner.Access{Dir: dir, Passphrase: func(context.Context, string) (string, error) { return "", errAsks }}
	_ = way.Ask(ctx, r, func(row control.Row) error {
		each(row)
		return nil
	})
}

// contacts are the contacts that a command is about: by their numbers,
// and by their names where a shell can take those as they are.
func (p Profile) contacts(ctx context.Context, command string) (out []string) {
	var named []string
	add := func(row control.Row) {
		c, ok := row.(*control.Contact)
		if !ok {
			return
		}
		what := plain.Text(c.State)
		out = append(out, fmt.Sprintf("%d\t%s, %s", c.ID, plain.Text(c.Name), what))
		if simpleWord(c.Name) {
			named = append(named, fmt.Sprintf("%s\t#%d, %s", c.Name, c.ID, what))
		}
	}
	requests := []string{control.CmdContacts}
	switch command {
	case "accept", "block", "remove":
		requests = []string{control.CmdRequests, control.CmdContacts}
	case "history", "chat", "read", "listen":
		requests = append(requests, control.CmdRequests)
	}
	for _, cmd := range requests {
		p.look(ctx, control.Request{Cmd: cmd, Peek: true}, add)
	}
	return append(named, out...)
}

// simpleWord reports whether every shell takes a text as one word as it is.
func simpleWord(text string) bool {
	for _, r := range text {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("._-", r) {
			return false
		}
	}
	return text != "" && text[0] != '-'
}

func (p Profile) gateways(ctx context.Context) (out []string) {
	p.look(ctx, control.Request{Cmd: control.CmdGatewayList}, func(row control.Row) {
		if g, ok := row.(*control.Gateway); ok {
			out = append(out, fmt.Sprintf("%s\tkey %.16s", plain.Text(g.Host), plain.Text(g.Node)))
		}
	})
	return out
}
