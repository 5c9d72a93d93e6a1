package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/reprodisk/reprodisk/build/format"
	"github.com/reprodisk/reprodisk/build/normalize"
	"github.com/reprodisk/reprodisk/internal/patherr"
	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/split"
)

type normalizeOptions struct {
	open      split.OpenOptions
	out       string
	format    string
	epoch     string
	deriveIDs bool
	clearGaps bool
	keepTimes bool
	log       progressFlags
}

func (a *app) normalizeCommand() *cobra.Command {
	var o normalizeOptions
	cmd := &cobra.Command{
		Use:   "normalize [flags] IMAGE -o OUT",
		Short: "Write an image anew without its nondeterminism",
		Long: `Write an image anew, whoever built it, so that it depends on nothing but what its
filesystems show when they are mounted, and on its partition table: not on the
clock, on where files lie, on inode numbers, on what free blocks hold.

Times that are later than SOURCE_DATE_EPOCH become it; times of access, status
change and birth become the time of change, unless --keep-times. Identifiers are kept;
--derive-ids derives them from what the image holds, and has the texts that name
an old one (fstab, the entries of boot loaders) name the new one.

Written anew are GPT, MBR, ext4 and FAT. What else there is is kept byte by byte
and listed, with the reason.
Exit status: 0 the image is normalized, 1 it is written, but some of it had to be
kept as it is, 2 trouble, 130 after Ctrl-C.`,
		Example: `  SOURCE_DATE_EPOCH=1700000000 reprodisk normalize disk.img -o normal.img
  reprodisk normalize --source-date-epoch 1700000000 --derive-ids disk.qcow2 -o normal.qcow2`,
		Args: wants("IMAGE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.out == "" {
				return usageError(cmd, "-o OUT is missing: where the new image goes")
			}
			return a.normalize(cmd.Context(), &o, args[0])
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&o.out, "output", "o", "", "write the new image to `OUT`")
	flags.StringVar(&o.format, "format", "", "`KIND` of the new image: raw, qcow2, qcow2-compressed, vdi, vpc, vmdk,\nzst or xz; IMAGE's own by default")
	flags.StringVar(&o.epoch, "source-date-epoch", "", "the latest time in the image, in `SECONDS` since 1970;\nthe environment's SOURCE_DATE_EPOCH by default")
	flags.BoolVar(&o.deriveIDs, "derive-ids", false, "derive the identifiers of the disk, its partitions and filesystems")
	flags.BoolVar(&o.keepTimes, "keep-times", false, "keep times of access, status change and birth that are not later")
	flags.BoolVar(&o.clearGaps, "clear-gaps", false, "clear the space between partitions, where a boot loader may be")
	addOpenFlags(flags, &o.open)
	o.log.add(flags)
	return cmd
}

func (a *app) normalize(ctx context.Context, o *normalizeOptions, path string) error {
	epoch, err := o.epochTime()
	if err != nil {
		return err
	}
	img, err := split.OpenWith(ctx, path, o.open)
	if err != nil {
		return err
	}
	defer img.Close()
	for _, w := range img.Warnings() {
		a.warn(path + ": " + w)
	}
	kind := format.Kind(o.format)
	if o.format == "" {
		kind, err = normalize.KindOf(img)
	} else if err = format.Check(kind, 1<<20); err != nil { // a disk that every format holds
		err = fmt.Errorf("--format: %w", err)
	}
	if err != nil {
		return err
	}
	if err := notOnto(path, o.out); err != nil {
		return err
	}
	if err := o.log.open(a); err != nil {
		return err
	}
	defer o.log.close()
	account, err := normalize.File(ctx, o.out, kind, img, normalize.Options{
		Epoch: epoch, DeriveIDs: o.deriveIDs, ClearGaps: o.clearGaps, KeepTimes: o.keepTimes, Progress: o.log.tee(a.progress.show),
	})
	if err != nil {
		return err
	}
	a.progress.clear()
	if err := printAccount(a.stdout, account); err != nil {
		return patherr.At("standard output", err)
	}
	if !account.Fixed() {
		return errDiffers
	}
	return nil
}

// epochTime is the latest time that the image may hold.
func (o *normalizeOptions) epochTime() (tree.Time, error) {
	name, text := "--source-date-epoch", o.epoch
	if text == "" {
		name, text = "SOURCE_DATE_EPOCH", os.Getenv("SOURCE_DATE_EPOCH")
	}
	if text == "" {
		return tree.Time{}, fmt.Errorf("no latest time is given: set SOURCE_DATE_EPOCH, or --source-date-epoch SECONDS")
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return tree.Time{}, fmt.Errorf("%s: %q is no number of seconds since 1970", name, text)
	}
	return tree.Time{Sec: n}, nil
}

// notOnto refuses to replace the image that is read.
func notOnto(in, out string) error {
	a, errA := os.Stat(in)
	b, errB := os.Stat(out)
	if errA == nil && errB == nil && os.SameFile(a, b) {
		return fmt.Errorf("%s: is the image that is read: choose another name with -o", out)
	}
	return nil
}

func printAccount(w io.Writer, account *normalize.Account) error {
	var b strings.Builder
	for _, p := range account.Parts {
		fmt.Fprintf(&b, "%s: %s", p.Name, p.Action)
		if p.Detail != "" {
			fmt.Fprintf(&b, ": %s", p.Detail)
		}
		b.WriteByte('\n')
	}
	for _, id := range account.Identifiers {
		fmt.Fprintf(&b, "%s: %s, was %s\n", id.Name, id.New, id.Old)
	}
	for _, r := range account.References {
		fmt.Fprintf(&b, "%s: names the new identifiers\n", oneLine(r))
	}
	for _, s := range account.Stale {
		fmt.Fprintf(&b, "%s: still names an old identifier, and is no text of up to 1 MiB\n", oneLine(s))
	}
	_, err := io.WriteString(w, b.String())
	return err
}
