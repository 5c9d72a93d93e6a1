package main

import (
	"github.com/spf13/cobra"

	"github.com/reprodisk/reprodisk/internal/diffoscope"
	"github.com/reprodisk/reprodisk/split"
	"github.com/reprodisk/reprodisk/verify"
	"github.com/reprodisk/reprodisk/verify/compare"
)

func (a *app) diffCommand() *cobra.Command {
	var reports reportFlags
	var open split.OpenOptions
	var askDiffoscope, digests bool
	var files forensicFlags
	var log progressFlags
	cmd := &cobra.Command{
		Use:   "diff [flags] A B",
		Short: "Compare two disk images, or two folders of them",
		Long: `Compare two disk images, or two folders of them, and name what differs: fields
of the partition tables, filesystem structures, files by path.

In folders, images are compared as disks and other files byte by byte.
Exit status: 0 no difference, 1 differences, 2 trouble.`,
		Example: `  reprodisk diff first.img second.img
  reprodisk diff --json report.json --text - result result.check`,
		Args: wants("A", "B"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := reports.open(a); err != nil {
				return err
			}
			defer reports.discard()
			if err := files.open(a, &reports); err != nil {
				return err
			}
			defer files.discard()
			if err := log.open(a); err != nil {
				return err
			}
			defer log.close()
			opt := compare.Options{Progress: log.tee(a.progress.show), Open: open, Digests: digests || files.digests() || reports.attest.asked()}
			if askDiffoscope {
				program, err := diffoscope.Find()
				if err != nil {
					return err
				}
				opt.Ask = program.Ask
			}
			r, err := verify.Diff(cmd.Context(), args[0], args[1], opt)
			if err != nil {
				return err
			}
			sign(r)
			if err := files.examine(cmd.Context(), a, r, args[0], args[1], reports.scope.partition, open, false); err != nil {
				return err
			}
			return reports.write(a, r)
		},
	}
	reports.add(cmd.Flags())
	addOpenFlags(cmd.Flags(), &open)
	addDigestsFlag(cmd.Flags(), &digests)
	files.add(cmd.Flags())
	log.add(cmd.Flags())
	cmd.Flags().BoolVar(&askDiffoscope, "diffoscope", false, "hand files whose content differs to diffoscope, and show what it says")
	return cmd
}
