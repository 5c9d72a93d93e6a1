package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/reprodisk/reprodisk/build"
	"github.com/reprodisk/reprodisk/build/spec"
)

type buildOptions struct {
	out string
	log progressFlags
}

func (a *app) buildCommand() *cobra.Command {
	var o buildOptions
	cmd := &cobra.Command{
		Use:   "build [flags] SPEC",
		Short: "Build one disk image from a spec",
		Long: `Build the disk image that a spec describes, as DIR/` + build.ImageName + `, and print its path.
In another format than raw the name ends as make-disk-image has it: DIR/nixos.qcow2
and so on. With touchEFIVars the path of the firmware's variables follows.

The options of a spec are those of NixOS's make-disk-image; see
docs/make-disk-image.md. Times in the image are SOURCE_DATE_EPOCH's where that
is set. The image appears whole or not at all, and replaces an older one.
Exit status: 0 built, 2 trouble, 130 after Ctrl-C.`,
		Example: `  reprodisk build appliance.yaml
  reprodisk build -o out appliance.yaml`,
		Args: wants("SPEC"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.out == "" {
				return usageError(cmd, "--output: the name of the folder is empty")
			}
			return a.build(cmd.Context(), &o, args[0])
		},
	}
	cmd.Flags().StringVarP(&o.out, "output", "o", "result", "write the image into `DIR`")
	o.log.add(cmd.Flags())
	return cmd
}

func (a *app) build(ctx context.Context, o *buildOptions, path string) error {
	s, err := spec.Load(path)
	if err != nil {
		return err
	}
	if err := o.log.open(a); err != nil {
		return err
	}
	defer o.log.close()
	res, err := build.Build(ctx, s, build.Options{
		OutDir: o.out, SourceDateEpoch: os.Getenv("SOURCE_DATE_EPOCH"),
		Warn: a.warn, Progress: o.log.tee(a.progress.show),
	})
	if err != nil {
		return err
	}
	a.progress.clear()
	if a.global.quiet {
		return nil
	}
	for _, path := range []string{res.Image, res.Variables} {
		if path == "" {
			continue
		}
		if _, err := fmt.Fprintln(a.stdout, path); err != nil {
			return err
		}
	}
	return nil
}
