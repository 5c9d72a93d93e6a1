package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/split"
	"github.com/reprodisk/reprodisk/verify"
)

type verifyOptions struct {
	out     string
	check   string
	digests bool
	reports reportFlags
	files   forensicFlags
	log     progressFlags
}

func (a *app) verifyCommand() *cobra.Command {
	var o verifyOptions
	cmd := &cobra.Command{
		Use:   "verify [flags] SPEC | -- CMD [ARG…]",
		Short: "Build an image twice and compare the two",
		Long: `Build an image twice and name what differs, or say that nothing does.

  verify SPEC              two builds of a spec
  verify -- CMD [ARG…]     any builder: it is run twice, in this folder and
                           without standard input, and writes its image (or a
                           folder of images) to "$out", a path that does not
                           exist yet; TMPDIR is a folder of the run's own
  verify --check DIR SPEC  one more build, compared with an earlier result

The second run starts more than two seconds after the first has ended, so that
a builder that writes the time into its image is found out. The two runs are not
isolated from this machine.

With -o the first output is kept as DIR and a second one that differs as
DIR.check. --check keeps a rebuild that differs as DIR.check. An older DIR.check
is removed.
Exit status: 0 no difference, 1 differences, 2 trouble, 130 after Ctrl-C.`,
		Example: `  reprodisk verify appliance.yaml
  reprodisk verify -o result --json report.json appliance.yaml
  reprodisk verify -- sh -c 'make image && cp build/disk.img "$out"'
  reprodisk verify --check result appliance.yaml`,
		Args: verifyArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.check != "" && o.out != "" {
				return usageError(cmd, "--check and -o do not go together: the result that is checked stays where it is")
			}
			for _, name := range []string{"check", "output"} {
				if f := cmd.Flags().Lookup(name); f.Changed && f.Value.String() == "" {
					return usageError(cmd, "--%s: the name of the folder is empty", name)
				}
			}
			return a.verify(cmd.Context(), &o, args, cmd.ArgsLenAtDash() >= 0)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&o.out, "output", "o", "", "keep the first output as `DIR`, a second that differs as\nDIR.check")
	flags.StringVar(&o.check, "check", "", "build once, and compare with the earlier result in `DIR`")
	addDigestsFlag(flags, &o.digests)
	o.log.add(flags)
	o.reports.add(flags)
	o.files.add(flags)
	return cmd
}

func verifyArgs(cmd *cobra.Command, args []string) error {
	switch dash := cmd.ArgsLenAtDash(); {
	case dash > 0:
		return usageError(cmd, "%q stands before the --: give a spec, or a command behind the --", args[0])
	case dash == 0 && len(args) == 0:
		return usageError(cmd, "no command behind the --")
	case dash == 0:
		return nil
	case len(args) > 1:
		return usageError(cmd, "%q is one argument too many (a command goes behind --)", args[1])
	}
	return wants("SPEC")(cmd, args)
}

func (a *app) verify(ctx context.Context, o *verifyOptions, args []string, command bool) error {
	if err := o.reports.open(a); err != nil {
		return err
	}
	defer o.reports.discard()
	if err := o.files.open(a, &o.reports); err != nil {
		return err
	}
	defer o.files.discard()
	if err := o.log.open(a); err != nil {
		return err
	}
	defer o.log.close()
	opt := verify.Options{Out: o.out, Digests: o.digests || o.files.digests(), Progress: o.log.tee(a.progress.show)}
	opt.Compared = func(ctx context.Context, r *report.Report, pathA, pathB string) error {
		return o.files.examine(ctx, a, r, pathA, pathB, o.reports.scope.partition, split.OpenOptions{}, false)
	}
	if !a.global.quiet {
		opt.Output = above{a.progress, a.stderr}
	}
	var res *verify.Result
	var err error
	switch {
	case command && o.check != "":
		res, err = verify.CheckCommand(ctx, o.check, args, opt)
	case command:
		res, err = verify.Command(ctx, args, opt)
	case o.check != "":
		res, err = verify.Check(ctx, o.check, args[0], opt)
	default:
		res, err = verify.Spec(ctx, args[0], opt)
	}
	if err != nil {
		var failed *verify.BuildError
		if errors.As(err, &failed) && ctx.Err() == nil {
			above{a.progress, a.stderr}.Write([]byte(failed.Tail))
		}
		return err
	}
	sign(res.Report)
	return o.reports.write(a, res.Report)
}
