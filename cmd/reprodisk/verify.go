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
	again   string
	worlds  worldFlags
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
  verify --again FILE      both builds of an earlier verification once more, in
                           the worlds that they had

Each build runs in a sandbox. It sees this machine read-only, may write to $out
and TMPDIR only, and has no network. The second one has another clock, time zone,
locale, host name, directory order and so on than the first: whatever a builder
takes from its surroundings shows. --vary chooses what is varied, --attribute
finds out by more builds what each difference follows.

With -o the first output is kept as DIR, a second one that differs as DIR.check,
and what is known of both builds as DIR.buildinfo.json. --check keeps a rebuild
that differs as DIR.check. Older ones are replaced.
Exit status: 0 no difference, 1 differences, 2 trouble, 130 after Ctrl-C.`,
		Example: `  reprodisk verify appliance.yaml
  reprodisk verify -o result --json report.json appliance.yaml
  reprodisk verify --attribute -- sh -c 'make image && cp build/disk.img "$out"'
  reprodisk verify --vary all,-locale -- ./build.sh
  reprodisk verify --pin --repeat 100 -- ./build.sh
  reprodisk verify --check result appliance.yaml`,
		Args: o.args,
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.check != "" && o.out != "" {
				return usageError(cmd, "--check and -o do not go together: the result that is checked stays where it is")
			}
			for _, name := range []string{"check", "output", "again"} {
				if f := cmd.Flags().Lookup(name); f.Changed && f.Value.String() == "" {
					return usageError(cmd, "--%s: the name is empty", name)
				}
			}
			opt, err := o.worlds.options(cmd)
			if err != nil {
				return err
			}
			return a.verify(cmd.Context(), &o, opt, args, cmd.ArgsLenAtDash() >= 0)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&o.out, "output", "o", "", "keep the first output as `DIR`, a second that differs as\nDIR.check")
	flags.StringVar(&o.check, "check", "", "build once, and compare with the earlier result in `DIR`")
	flags.StringVar(&o.again, "again", "", "repeat the verification that `FILE`, a buildinfo.json, tells of")
	o.worlds.add(flags)
	addDigestsFlag(flags, &o.digests)
	o.log.add(flags)
	o.reports.add(flags)
	o.files.add(flags)
	return cmd
}

// args checks the arguments: a spec, a command, or neither where an earlier run
// is repeated.
func (o *verifyOptions) args(cmd *cobra.Command, args []string) error {
	if o.again != "" {
		if len(args) > 0 || o.check != "" {
			return usageError(cmd, "--again repeats what %s tells of; leave out %s", o.again, append(args, "--check")[0])
		}
		return nil
	}
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

func (a *app) verify(ctx context.Context, o *verifyOptions, opt verify.Options, args []string, command bool) error {
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
	opt.Out, opt.Digests, opt.Progress = o.out, o.digests || o.files.digests() || o.reports.attest.asked(), o.log.tee(a.progress.show)
	opt.Compared = func(ctx context.Context, r *report.Report, pathA, pathB string) error {
		return o.files.examine(ctx, a, r, pathA, pathB, o.reports.scope.partition, split.OpenOptions{}, false)
	}
	if !a.global.quiet {
		opt.Output = above{a.progress, a.stderr}
	}
	var res *verify.Result
	var err error
	switch {
	case o.again != "":
		res, err = verify.Again(ctx, o.again, opt)
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
	if opt.Attribute && res.Report.Verification.Attribution == nil && len(res.Report.Findings) == 0 {
		a.warn("--attribute: there is no difference to attribute")
	}
	sign(res.Report)
	return o.reports.write(a, res.Report)
}
