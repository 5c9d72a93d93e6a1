package main

import (
	"bufio"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/reprodisk/reprodisk/internal/patherr"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/report/policy"
	"github.com/reprodisk/reprodisk/split"
)

func (a *app) reportCommand() *cobra.Command {
	reports := reportFlags{scope: scopeFlags{again: true}}
	var files forensicFlags
	var open split.OpenOptions
	cmd := &cobra.Command{
		Use:   "report [flags] REPORT.json",
		Short: "Render a saved JSON report again",
		Long: `Render a report that --json has written again, in any form.
- reads it from standard input. The exit status is that of the report's verdict:
0 reproducible, 1 unreproducible; 2 for trouble.

What was allowed stays allowed. --policy, --no-policy and --baseline judge the
report anew; a ` + policy.FileName + ` in this folder is not looked for.

--dfxml, --timeline and --extract are made from the images that the report
names: they have to be there, and unchanged.`,
		Example: `  reprodisk report report.json
  reprodisk report --markdown report.md report.json`,
		Args: wants("REPORT.json"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := reports.open(a); err != nil {
				return err
			}
			defer reports.discard()
			if err := files.open(a, &reports); err != nil {
				return err
			}
			defer files.discard()
			r, err := readReport(args[0])
			if err != nil {
				return err
			}
			if err := files.examine(cmd.Context(), a, r, r.A.Path, r.B.Path, reports.scope.partition, open, true); err != nil {
				return err
			}
			return reports.write(a, r)
		},
	}
	reports.add(cmd.Flags())
	files.add(cmd.Flags())
	addOpenFlags(cmd.Flags(), &open)
	return cmd
}

func readReport(name string) (*report.Report, error) {
	in := io.Reader(os.Stdin)
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, patherr.At(name, err)
		}
		defer f.Close()
		if fi, err := f.Stat(); err == nil && fi.IsDir() {
			return nil, fmt.Errorf("%s: is a folder, not a report", name)
		}
		in = f
	}
	r, err := report.ReadJSON(bufio.NewReader(in))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return r, nil
}
