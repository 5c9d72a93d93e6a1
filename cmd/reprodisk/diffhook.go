package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/internal/patherr"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/report/html"
	"github.com/reprodisk/reprodisk/verify/compare"
)

// hookName is the name by which the program is Nix's diff-hook: nix.conf takes
// a path, and no arguments.
const hookName = "reprodisk-diff-hook"

// hookFolder is the variable that says where reports go.
const hookFolder = "REPRODISK_REPORT_DIR"

// asHook puts the subcommand's name before the arguments where the program was
// called by the hook's name.
func asHook(name string, args []string) []string {
	if filepath.Base(name) == hookName {
		return append([]string{"diff-hook"}, args...)
	}
	return args
}

type hookOptions struct {
	dir   string
	scope scopeFlags
}

func (a *app) diffHookCommand() *cobra.Command {
	o := hookOptions{scope: scopeFlags{again: true}} // the working folder is Nix's, not the user's
	cmd := &cobra.Command{
		Use:   "diff-hook [flags] OUT1 OUT2 DRV TMPDIR",
		Short: "Be Nix's diff-hook: say what differs when a rebuild does",
		Long: `Say what differs between two outputs of a derivation, as Nix's diff-hook. Nix runs
it where a rebuild (nix-build --check) differs, with those four arguments, and
shows what it writes to standard output. In nix.conf:

  run-diff-hook = true
  diff-hook = /usr/local/bin/` + hookName + `

where ` + hookName + ` is a link to reprodisk, or a script that gives flags.
See docs/nix.md. Exit status: 0 compared, whatever differs; 2 trouble.`,
		Example: `  reprodisk diff-hook --report-dir /var/log/reprodisk "$@"`,
		Args:    wants("OUT1", "OUT2", "DRV", "TMPDIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.diffHook(cmd.Context(), &o, args[0], args[1], args[2], args[3])
		},
	}
	cmd.Flags().StringVar(&o.dir, "report-dir", os.Getenv(hookFolder), "write the report into `DIR` too, as NAME.txt, .json, .md and .html; by\ndefault $"+hookFolder)
	o.scope.add(cmd.Flags())
	return cmd
}

// diffHook never fails because of a difference: to Nix that would be a hook
// that does not work, of which it shows nothing.
func (a *app) diffHook(ctx context.Context, o *hookOptions, out1, out2, drv, tmp string) error {
	a.progress = nil // Nix draws its own
	if err := o.scope.open(); err != nil {
		return err
	}
	if unix.Access(tmp, unix.W_OK|unix.X_OK) == nil {
		os.Setenv("TMPDIR", tmp) // the build's own, where it has room
	}
	r, err := compare.Outputs(ctx, relocated(out1, out2), out2, compare.Options{})
	if err != nil {
		return err
	}
	sign(r)
	if err := o.scope.apply(r); err != nil {
		return err
	}
	text := func(w io.Writer) error {
		return report.WriteText(w, r, report.TextOptions{Verbose: a.global.verbose, Color: a.global.color == "always", Max: o.scope.maxFindings})
	}
	if _, err := fmt.Fprintln(a.stdout, report.Visible(drv)+":"); err != nil {
		return err
	}
	if err := text(a.stdout); err != nil {
		return err
	}
	if o.dir == "" {
		return nil
	}
	if err := os.MkdirAll(o.dir, 0o777); err != nil {
		return patherr.At(o.dir, err)
	}
	for _, form := range []struct {
		ext    string
		render func(io.Writer) error
	}{
		{"txt", text},
		{"json", func(w io.Writer) error { return report.WriteJSON(w, r) }},
		{"md", func(w io.Writer) error {
			return report.WriteMarkdown(w, r, report.MarkdownOptions{Max: o.scope.maxFindings})
		}},
		{"html", func(w io.Writer) error { return html.Write(w, r, html.Options{Max: o.scope.maxFindings}) }},
	} {
		f, err := openOutput(filepath.Join(o.dir, filepath.Base(out1)+"."+form.ext), a.stdout)
		if err != nil {
			return err
		}
		err = f.write(form.render)
		f.discard()
		if err != nil {
			return err
		}
	}
	return nil
}

// relocated is the first output where it really lies. Of a store in another
// folder (--store /mnt) Nix gives the first output by the name that it has
// inside of it, the second by where it is.
func relocated(out1, out2 string) string {
	if _, err := os.Lstat(out1); !errors.Is(err, fs.ErrNotExist) {
		return out1
	}
	beside := strings.TrimSuffix(out2, ".check")
	if beside == out2 || !strings.HasSuffix(beside, out1) {
		return out1
	}
	return beside
}
