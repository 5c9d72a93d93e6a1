package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/reprodisk/reprodisk/internal/newdir"
	"github.com/reprodisk/reprodisk/internal/patherr"
	"github.com/reprodisk/reprodisk/split"
)

type splitOptions struct {
	open       split.OpenOptions
	out        string
	list       bool
	json       bool
	gaps       bool
	partitions []int
	log        progressFlags
}

func (a *app) splitCommand() *cobra.Command {
	var o splitOptions
	cmd := &cobra.Command{
		Use:   "split [flags] IMAGE",
		Short: "List an image's partitions, or write each to a file",
		Long: `Write each partition of a disk image to a file of its own, with the bytes that dd
would copy and with holes for zeros: IMAGE-p1.raw, IMAGE-p2.raw, …

--list prints the table as fdisk -l does, --json as sfdisk -J does; neither
writes a file.
Exit status: 0 done, 2 trouble, 130 after Ctrl-C.`,
		Example: `  reprodisk split --list nixos.img
  reprodisk split -o parts --gaps nixos.img
  reprodisk split --partition 2 nixos.img`,
		Args: wants("IMAGE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.out == "" {
				return usageError(cmd, "--output: the name of the folder is empty")
			}
			return a.split(cmd.Context(), &o, args[0])
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&o.out, "output", "o", ".", "write the files into `DIR`")
	flags.BoolVarP(&o.list, "list", "l", false, "print the partitions as fdisk -l does, and write nothing")
	flags.BoolVarP(&o.json, "json", "J", false, "print the partitions as sfdisk -J does, and write nothing")
	flags.BoolVar(&o.gaps, "gaps", false, "write the space between partitions too: IMAGE-gap1.raw, …")
	addOpenFlags(flags, &o.open)
	o.log.add(flags)
	flags.IntSliceVar(&o.partitions, "partition", nil, "only the partitions in `LIST`, as in 1,3")
	return cmd
}

func (a *app) split(ctx context.Context, o *splitOptions, path string) error {
	if err := o.log.open(a); err != nil {
		return err
	}
	defer o.log.close()
	img, err := split.OpenWith(ctx, path, o.open)
	if err != nil {
		return err
	}
	defer img.Close()
	t, err := img.Table()
	if err != nil {
		return err
	}
	if err := choose(t, o.partitions, path); err != nil {
		return err
	}
	warn := func() {
		for _, w := range t.Warnings {
			a.warn(path + ": " + w)
		}
	}
	switch {
	case o.json:
		warn()
		b, err := t.JSON(path)
		if err != nil {
			return err
		}
		_, err = a.stdout.Write(b)
		return err
	case o.list:
		warn()
		var b strings.Builder
		if err := t.Text(&b, path); err != nil {
			return err
		}
		_, err := a.stdout.WriteString(b.String())
		return err
	}
	files, err := a.extract(ctx, o, img, t)
	if err != nil {
		return err // which says what a warning would
	}
	warn()
	if a.global.quiet {
		return nil
	}
	for _, f := range files {
		if _, err := fmt.Fprintln(a.stdout, f.Path); err != nil {
			return err
		}
	}
	return nil
}

// choose leaves only the partitions of the given numbers in the table.
func choose(t *split.Table, numbers []int, path string) error {
	if len(numbers) == 0 {
		return nil
	}
	for _, n := range numbers {
		if !slices.ContainsFunc(t.Partitions, func(p split.Partition) bool { return p.Number == n }) {
			return fmt.Errorf("%s: has no partition %d", path, n)
		}
	}
	t.Partitions = slices.DeleteFunc(t.Partitions, func(p split.Partition) bool { return !slices.Contains(numbers, p.Number) })
	return nil
}

// extract writes the files, or leaves nothing that was not there before.
func (a *app) extract(ctx context.Context, o *splitOptions, img *split.Image, t *split.Table) ([]split.File, error) {
	if len(t.Partitions) == 0 {
		return nil, fmt.Errorf("%s: has no partitions, so there is nothing to split", img.Path())
	}
	made, err := newdir.Make(o.out)
	if err != nil {
		return nil, err
	}
	before := map[string]bool{}
	entries, err := os.ReadDir(o.out)
	if err != nil {
		return nil, patherr.At(o.out, err)
	}
	for _, e := range entries {
		before[e.Name()] = true
	}
	show := o.log.tee(a.progress.show)
	files, err := split.Extract(ctx, img, t, o.out, split.Options{
		Gaps:     o.gaps,
		Progress: func(done, total int64) { show("splitting", done, total) },
	})
	a.progress.clear()
	if err != nil {
		for _, f := range files {
			if !before[base(f.Path)] {
				os.Remove(f.Path)
			}
		}
		made.Undo()
		return nil, err
	}
	return files, nil
}

func base(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }
