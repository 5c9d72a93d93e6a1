package normalize

import (
	"context"
	"fmt"
	"io"

	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/split"
)

// Options say how an image is to be.
type Options struct {
	// Epoch is the latest time that the image holds: later ones become it.
	// From 1980 to 2106.
	Epoch tree.Time
	// KeepTimes keeps the times of access, status change and birth that are not
	// later; else they become the time of change.
	KeepTimes bool
	// DeriveIDs gives the disk, its partitions and filesystems identifiers that
	// follow from what they hold, in the place of those they have. Text files
	// of up to 1 MiB that name an old one name the new one then.
	DeriveIDs bool
	// ClearGaps clears the bytes between the partitions, in which boot loaders
	// may be embedded.
	ClearGaps bool
	// Progress is told how far a stage is, in bytes; total is 0 where nobody
	// knows. It may be nil.
	Progress func(stage string, done, total int64)
}

// stage is a progress of one stage. It may be called where nobody listens.
func (o Options) stage(name string) func(done, total int64) {
	if o.Progress == nil {
		return func(int64, int64) {}
	}
	return func(done, total int64) { o.Progress(name, done, total) }
}

// Times between which every format here can keep them, in seconds since 1970:
// FAT begins in 1980, and 32 bits end in 2106.
const (
	firstEpoch = 315_532_800
	lastEpoch  = 1<<32 - 1
)

// Target is what a disk is written to. It reads as zeros at first, and is as
// long as the disk.
type Target interface {
	io.WriterAt
	// Clear makes zeros of a range again.
	Clear(off, length int64) error
}

// Write writes the disk of an image to w. Its errors are one line each, and
// name the image, or are those of ctx and w.
func Write(ctx context.Context, w Target, img *split.Image, opt Options) (*Account, error) {
	if opt.Epoch.Sec < firstEpoch || opt.Epoch.Sec > lastEpoch {
		return nil, fmt.Errorf("an epoch of %d s is not between 1980 and 2106", opt.Epoch.Sec)
	}
	opt.Epoch.Nsec = 0
	d := &disk{ctx: ctx, img: img, w: w, opt: opt}
	if err := d.read(); err != nil {
		return nil, err
	}
	if err := d.derive(); err != nil {
		return nil, err
	}
	if err := d.write(); err != nil {
		return nil, err
	}
	for _, id := range d.allIDs() {
		d.account.identity = append(d.account.identity, id.text)
	}
	return &d.account, nil
}

// disk is a disk on its way.
type disk struct {
	ctx     context.Context
	img     *split.Image
	w       Target
	opt     Options
	table   *split.Table
	volumes []*volume
	refs    *references // nil: identifiers are kept
	named   []naming
	ids     tableIDs
	account Account
}

// volume is a partition, or a disk without a table.
type volume struct {
	split.Partition
	format string // as blkid names it; empty where nobody knows it
	keep   string // why it is kept as it is; empty: fs writes it anew
	fs     filesystem
}

// filesystem is one that can be written anew.
type filesystem interface {
	// root is what it holds.
	root() *tree.Node
	// identifiers are those that it has, oldest form first: as text, by name.
	identifiers() []namedID
	// setIdentifiers takes them in the same order, as text.
	setIdentifiers(texts []string) error
	// write makes it anew, and says what there is now. progress is told of
	// bytes of content.
	write(ctx context.Context, w io.WriterAt, opt Options, progress func(done, total int64)) (detail string, err error)
}

// name is what the account calls a volume.
func (v *volume) name() string {
	what := v.format
	if what == "" {
		what = "no known format"
	}
	if v.Number == 0 {
		return "filesystem (" + what + ")"
	}
	return fmt.Sprintf("partition %d (%s)", v.Number, what)
}

// section is the part of the image that holds the volume.
func (d *disk) section(v *volume) *io.SectionReader {
	return io.NewSectionReader(d.img, v.Offset, v.Length)
}

// read reads the tables, and what the filesystems hold.
func (d *disk) read() error {
	t, err := d.img.Table()
	if err != nil {
		return err
	}
	d.table = t
	if err := d.checkTable(); err != nil {
		return fmt.Errorf("%s: %w", d.img.Path(), err)
	}
	parts := t.Partitions
	if t.Label == split.LabelNone {
		parts = []split.Partition{{Length: d.img.Size(), Sectors: uint64(d.img.Size() / t.SectorSize)}}
	}
	for _, p := range parts {
		if p.Kind == split.Extended {
			continue // its boot records are the table's
		}
		v := &volume{Partition: p}
		if err := d.recognize(v); err != nil {
			return fmt.Errorf("%s: %s: %w", d.img.Path(), v.name(), err)
		}
		d.volumes = append(d.volumes, v)
	}
	return nil
}

// write writes the disk, in its order.
func (d *disk) write() error {
	if err := d.writeTable(); err != nil {
		return err
	}
	for _, g := range d.table.Gaps {
		if err := d.writeGap(g); err != nil {
			return err
		}
	}
	for _, v := range d.volumes {
		if err := d.writeVolume(v); err != nil {
			return err
		}
	}
	return nil
}

func (d *disk) writeVolume(v *volume) error {
	if v.keep == "" {
		progress := d.opt.stage(v.name())
		progress(0, 0)
		detail, err := v.fs.write(d.ctx, io.NewOffsetWriter(d.w, v.Offset), d.opt, progress)
		if err == nil {
			d.account.Parts = append(d.account.Parts, Part{v.name(), Rewritten, detail, true})
			return nil
		}
		var no *cannot
		if !asCannot(err, &no) {
			return fmt.Errorf("%s: %s: %w", d.img.Path(), v.name(), err)
		}
		v.keep = no.why
		if err := d.w.Clear(v.Offset, v.Length); err != nil {
			return err
		}
	}
	empty, err := d.copy(v.Offset, v.Length, v.name())
	if err != nil {
		return err
	}
	part := Part{v.name(), Kept, v.keep, empty}
	if empty {
		part.Detail = "it holds zeros"
	}
	d.account.Parts = append(d.account.Parts, part)
	return nil
}
