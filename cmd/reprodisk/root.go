package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// globalOptions are the flags that every subcommand has.
type globalOptions struct {
	verbose bool
	quiet   bool
	color   string

	progress, noProgress bool
}

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "reprodisk COMMAND",
		Short: "Build a disk image twice and name every field that differs",
		Long: `reprodisk builds a disk image twice, compares the two, and names every field
that came out different, why, and how to pin it.

Exit status: 0 no difference, 1 differences, 2 trouble, 130 after Ctrl-C.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          a.rootArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			cmd.SetOut(a.stderr)
			if err := cmd.Help(); err != nil {
				return err
			}
			return fmt.Errorf("no command was given")
		},
		PersistentPreRunE: func(cmd *cobra.Command, args []string) error {
			return a.prepare()
		},
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.SetUsageTemplate(usageTemplate)
	root.SetHelpCommand(helpCommand(root))
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError(cmd, "%s", err)
	})
	flags := root.PersistentFlags()
	flags.SortFlags = false
	flags.BoolVarP(&a.global.verbose, "verbose", "v", false, "show every consequence, file and line of a diff")
	flags.BoolVarP(&a.global.quiet, "quiet", "q", false, "no progress; a builder's own output only if it fails")
	flags.BoolVar(&a.global.progress, "progress", false, "say how far the work is, although standard error is no terminal")
	flags.BoolVar(&a.global.noProgress, "no-progress", false, "do not say how far the work is")
	flags.StringVar(&a.global.color, "color", "auto", "colours `WHEN`: auto, always or never")
	cobra.EnableCommandSorting = false
	root.SuggestionsMinimumDistance = 2
	root.AddCommand(
		a.buildCommand(), a.verifyCommand(), a.diffCommand(), a.splitCommand(),
		a.inspectCommand(), a.normalizeCommand(), a.reportCommand(), a.policyCommand(), a.diffHookCommand(), a.doctorCommand(), a.versionCommand(),
	)
	return root
}

// usageTemplate is cobra's, without a second line for programs whose root is a
// command of its own, which this is only to say what is missing.
const usageTemplate = `Usage:
  {{if .HasAvailableSubCommands}}{{.CommandPath}} COMMAND [flags]{{else}}{{.UseLine}}{{end}}
{{- if .HasExample}}

Examples:
{{.Example}}{{end}}
{{- if .HasAvailableSubCommands}}

Commands:{{range .Commands}}{{if or .IsAvailableCommand (eq .Name "help")}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}
{{- if .HasAvailableLocalFlags}}

Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}
{{- if .HasAvailableInheritedFlags}}

Flags of every command:
{{.InheritedFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}
`

// helpCommand prints the help of a command, or refuses an unknown one.
func helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Explain a command",
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return usageError(root, "there is no command %q", strings.Join(args, " "))
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
	}
}

// prepare checks the global flags and starts what depends on them.
func (a *app) prepare() error {
	switch a.global.color {
	case "auto", "always", "never":
	default:
		return fmt.Errorf("--color %s: is not auto, always or never", a.global.color)
	}
	if a.global.progress && a.global.noProgress {
		return fmt.Errorf("--progress and --no-progress do not go together")
	}
	if a.global.progress || !a.global.quiet && !a.global.noProgress && isTerminal(a.stderr) {
		a.progress = newProgress(a.stderr)
	}
	return nil
}

// colored tells whether standard output gets colours.
func (a *app) colored() bool {
	switch a.global.color {
	case "always":
		return true
	case "never":
		return false
	}
	return isTerminal(a.stdout) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// rootArgs refuses an unknown subcommand in one line.
func (a *app) rootArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := ""
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = fmt.Sprintf(", did you mean %q?", near[0])
	}
	return usageError(cmd, "unknown command %q%s", args[0], hint)
}

// usageError is a mistake on the command line.
func usageError(cmd *cobra.Command, format string, args ...any) error {
	name := strings.TrimPrefix(strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()), " ")
	if name != "" {
		name += ": "
	}
	return fmt.Errorf("%s%s; see %s --help", name, fmt.Sprintf(format, args...), cmd.CommandPath())
}

// wants is the check that a subcommand gets exactly the arguments of the given
// names.
func wants(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < len(names) {
			return usageError(cmd, "%s is missing", names[len(args)])
		}
		if len(args) > len(names) {
			return usageError(cmd, "%q is one argument too many", args[len(names)])
		}
		return nil
	}
}
