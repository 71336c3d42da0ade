package main

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/report"
	"zeroms/protocol/custody"
	"zeroms/protocol/wire"
)

func newEvidence(a *app) *cobra.Command {
	return group("evidence", "Show to others what gateways signed, and check what they show you",
		newEvidenceExport(a), newEvidenceVerify(a))
}

// messageLike matches what names a message, or is the whole key of a gateway.
var messageLike = regexp.MustCompile(`^[0-9a-fA-F]{32,64}$`)

func newEvidenceExport(a *app) *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:   "export MESSAGE|GATEWAY",
		Short: "Write what a gateway signed for a message, or what convicts a gateway",
		Long: `Write a file that anybody can check with zms evidence verify, without a profile
and without a network (docs/protocol/evidence.md). It names neither people nor
content. Of an own message, named by its id (zms history --json prints it), it shows
which gateway took it, when, and until when it promised to keep it. Of a gateway it
shows the contradictions that were found in what it signed. The error no-evidence
says: no gateway has signed for the message, or nothing is proven against the
gateway. A gateway of yours is named as for zms gateway remove, any other one by its
whole key or its address.`,
		Annotations: rows("evidence"),
		Args:        takes("MESSAGE"),
		RunE: func(c *cobra.Command, args []string) error {
			r := control.Request{Cmd: control.CmdEvidence, Gateway: args[0]}
			if messageLike.MatchString(args[0]) {
				r.Gateway, r.Message = "", args[0]
			}
			if !c.Flags().Changed("output") {
				return a.run(c.Context(), r, report.Says(report.Evidence))
			}
			return a.writeEvidence(c.Context(), r, file)
		},
	}
	c.Flags().StringVarP(&file, "output", "o", "", "write to this new `FILE` of mode 0600 (default: print it)")
	return c
}

// writeEvidence writes the whole file, or none.
func (a *app) writeEvidence(ctx context.Context, r control.Request, file string) error {
	path, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	var text strings.Builder
	done := &control.Evidence{Type: control.TypeEvidence, Path: path}
	err = a.ask(ctx, r, func(row control.Row) error {
		if e, ok := row.(*control.Evidence); ok {
			done.About = e.About
			text.WriteString(e.File)
		}
		return nil
	})
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		_, err = io.WriteString(f, text.String())
		if err = errors.Join(err, f.Close()); err != nil {
			err = errors.Join(err, os.Remove(path))
		}
	}
	if err != nil {
		return control.Usage("the file can't be written there; choose another name or folder: %v", err)
	}
	return a.emit(report.Says(report.Evidence))(done)
}

func newEvidenceVerify(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "verify FILE",
		Short: "Check a file of evidence: who is convicted of what",
		Long: `Check a file of evidence, - is stdin. It needs neither a profile nor a network. The
exit code is 0 if the gateway signed every statement in it, whatever that proves;
the verdict is in the row. A file that was changed or cut is refused with the name
of an error of the protocol (signature, malformed, truncated, ...).`,
		Annotations: rows("verdict"),
		Args:        takes("FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			b, err := a.readEvidence(args[0])
			if err != nil {
				return err
			}
			f, err := custody.ParseFile(b)
			if err != nil {
				return refused(err)
			}
			r, err := custody.Judge(f)
			if err != nil {
				return refused(err)
			}
			return a.emit(report.Says(report.Verdict))(verdictRow(r))
		},
	}
}

// refused says about a file of evidence what is wrong with it.
func refused(err error) error {
	f := control.Explain(err)
	return control.Fail(f.Name, "this is no whole, unchanged file of evidence, so it proves nothing: %s", f.Message)
}

// readEvidence reads a file, or stdin for -, up to what evidence may be.
func (a *app) readEvidence(name string) ([]byte, error) {
	in := io.Reader(a.stdin)
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, control.Usage("the file can't be read: %v", err)
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, custody.MaxFile+1))
	if err != nil {
		return nil, control.Usage("the file can't be read: %v", err)
	}
	return b, nil
}

func verdictRow(r *custody.Report) *control.Verdict {
	row := &control.Verdict{Type: control.TypeVerdict, Gateway: r.Node.String(), Verdict: r.Verdict.String(), Reasons: r.Reasons}
	if r.Verdict == custody.Guilty {
		row.Fault = r.Fault.String()
	}
	for _, x := range r.Receipts {
		row.Receipts = append(row.Receipts, control.Receipt{
			Envelope: hex.EncodeToString(x.EnvelopeHash[:]), Time: control.Stamp(wire.Time(x.Time)), Kept: control.Stamp(wire.Time(x.Kept)), K: x.K,
		})
	}
	return row
}
