package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/reprodisk/reprodisk/internal/patherr"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/report/policy"
)

func (a *app) policyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy COMMAND",
		Short: "Start or check a policy: what may differ, and why",
		Long: `A policy is a file of rules, ` + policy.FileName + `, that say what may differ between
two builds, and why; docs/policy.md describes it.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError(cmd, "unknown command %q", args[0])
			}
			return usageError(cmd, "COMMAND is missing")
		},
		RunE: func(cmd *cobra.Command, args []string) error { return nil },
	}
	cmd.AddCommand(a.policyInitCommand(), a.policyCheckCommand(), a.policySchemaCommand())
	return cmd
}

func (a *app) policyInitCommand() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "init [flags] REPORT.json",
		Short: "Write a policy to start from, of what a report found",
		Long: `Write a policy with a rule for each cause of a JSON report that nothing allows.
Each has a placeholder for its reason, and the policy is refused until those are
filled in. An existing file is not replaced.`,
		Example: `  reprodisk policy init report.json
  reprodisk policy init -o - report.json`,
		Args: wants("REPORT.json"),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := readReport(args[0])
			if err != nil {
				return err
			}
			if _, err := os.Lstat(out); err == nil {
				return fmt.Errorf("%s: is there already; give another name with -o", out)
			} else if !errors.Is(err, fs.ErrNotExist) {
				return patherr.At(out, err)
			}
			o, err := openOutput(out, a.stdout)
			if err != nil {
				return err
			}
			defer o.discard()
			if err := o.write(func(w io.Writer) error { return policy.Write(w, r) }); err != nil {
				return err
			}
			if out != "-" && !a.global.quiet {
				_, err = fmt.Fprintln(a.stdout, out)
			}
			return err
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", policy.FileName, "write the policy to `FILE`; - is standard output")
	return cmd
}

func (a *app) policyCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check [FILE]",
		Short: "Read a policy, and list its rules",
		Long:  "Read a policy, by default " + policy.FileName + ", and list its rules, a line each.\nExit status: 0 sound, 2 not.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError(cmd, "%q is one argument too many", args[1])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			path := policy.FileName
			if len(args) == 1 {
				path = args[0]
			}
			p, err := policy.Load(path)
			if err != nil {
				return err
			}
			var b strings.Builder
			for i := range p.Rules {
				rule := &p.Rules[i]
				until := ""
				if rule.Expires != "" {
					until = ", until " + rule.Expires
				}
				fmt.Fprintf(&b, "%s: %s%s: %s\n", report.Visible(rule.Where), report.Visible(rule.String()), until, report.Visible(rule.Reason))
			}
			_, err = io.WriteString(a.stdout, b.String())
			return err
		},
	}
}

func (a *app) policySchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of policies, for editors",
		Args:  wants(),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, err := a.stdout.Write(policy.JSONSchema())
			return err
		},
	}
}
