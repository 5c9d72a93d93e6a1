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
	out        string
	keepGuest  bool
	console    string
	screendump string
	log        progressFlags
}

func (a *app) buildCommand() *cobra.Command {
	var o buildOptions
	cmd := &cobra.Command{
		Use:   "build [flags] SPEC",
		Short: "Build one disk image from a spec",
		Long: `Build the disk image that a spec describes, as DIR/` + build.ImageName + `, and print its
path. In another format than raw the name ends as make-disk-image has it:
DIR/nixos.qcow2 and so on. With touchEFIVars the path of the firmware's
variables follows, and then those of what postVM has made.

The options of a spec are those of NixOS's make-disk-image; see
docs/make-disk-image.md. Times in the image are SOURCE_DATE_EPOCH's where that
is set. The image appears whole or not at all, and replaces an older one. -v says on
standard error how long each phase took.

Where the spec wants the system's own boot loader installer or other commands of
the image to run (bootLoader: guest, vm.run), they do so in a virtual machine:
QEMU with KVM or without, or user-mode Linux. Unless the spec has deterministic:
false the image is then written anew from what they left, and comes out the same
each time.
Exit status: 0 built, 2 trouble, 130 after Ctrl-C.`,
		Example: `  reprodisk build appliance.yaml
  reprodisk build -o out appliance.yaml
  reprodisk build --guest-console console.log system.yaml`,
		Args: wants("SPEC"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.out == "" {
				return usageError(cmd, "--output: the name of the folder is empty")
			}
			return a.build(cmd.Context(), &o, args[0])
		},
	}
	cmd.Flags().StringVarP(&o.out, "output", "o", "result", "write the image into `DIR`")
	cmd.Flags().BoolVar(&o.keepGuest, "keep-guest-disk", false, "leave the image as the guest's kernel wrote it, which is\nanother one each time")
	cmd.Flags().StringVar(&o.console, "guest-console", "", "write what the guest's console prints into `FILE`")
	cmd.Flags().StringVar(&o.screendump, "guest-screendump", "", "where the guest fails, write a picture of its\nscreen into `FILE`, as PNG")
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
	var took timings
	tell := o.log.tee(a.progress.show)
	opt := build.Options{
		OutDir: o.out, SourceDateEpoch: os.Getenv("SOURCE_DATE_EPOCH"),
		Warn: a.warn, Progress: func(phase string, done, total int64) {
			took.phase(phase)
			tell(phase, done, total)
		},
		Output: above{a.progress, a.stderr},
		Guest:  build.GuestOptions{KeepDisk: o.keepGuest, Screendump: o.screendump},
	}
	if o.console != "" {
		f, err := os.Create(o.console)
		if err != nil {
			return fmt.Errorf("--guest-console: %w", err)
		}
		defer f.Close()
		opt.Guest.Console = f
	}
	res, err := build.Build(ctx, s, opt)
	if err != nil {
		return err
	}
	a.progress.clear()
	if a.global.quiet {
		return nil
	}
	if a.global.verbose {
		fmt.Fprint(a.stderr, took.text())
	}
	for _, path := range append([]string{res.Image, res.Variables}, res.Also...) {
		if path == "" {
			continue
		}
		if _, err := fmt.Fprintln(a.stdout, path); err != nil {
			return err
		}
	}
	return nil
}
