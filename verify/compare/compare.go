package compare

import (
	"context"
	"fmt"
	"io"
	"sort"

	"github.com/reprodisk/reprodisk/internal/ondisk/mbr"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/split"
	"github.com/reprodisk/reprodisk/verify/compare/contents"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
	"github.com/reprodisk/reprodisk/verify/compare/scan"
	"github.com/reprodisk/reprodisk/verify/compare/tablecmp"
)

// Options are what a comparison may be told.
type Options struct {
	// Progress is told how far a stage is: "reading", "partition 2", … It may
	// be called from several goroutines, one call at a time.
	Progress func(stage string, done, total int64)
	// Open says how far the images of two folders may be followed into other
	// files.
	Open split.OpenOptions
	// Ask, where not nil, says what another program says about two versions of
	// a file; see contents.Describer.
	Ask func(ctx context.Context, path string, a, b io.Reader) (string, error)
	// Digests asks for the SHA-256 of both disks, of each partition, of the
	// images' files, and in folders of all other files. It takes one more pass
	// over each of them.
	Digests bool
}

func (o Options) stage(name string) scan.Progress {
	if o.Progress == nil {
		return nil
	}
	return func(done, total int64) { o.Progress(name, done, total) }
}

// Images compares two disks. The report is finished: sorted, counted, and
// checked to add up.
func Images(ctx context.Context, a, b *split.Image, opt Options) (*report.Report, error) {
	r := &report.Report{A: input(a), B: input(b)}
	if err := images(ctx, r, a, b, opt); err != nil {
		return nil, err
	}
	if err := r.Finish(); err != nil {
		return nil, fmt.Errorf("the account of %s and %s does not add up: %w", a.Path(), b.Path(), err)
	}
	return r, nil
}

func input(img *split.Image) report.Input {
	return report.Input{Path: report.Printable(img.Path()), Size: img.Size(), Format: img.Format()}
}

// images fills an empty report with what differs between two disks.
func images(ctx context.Context, r *report.Report, a, b *split.Image, opt Options) error {
	tableA, err := a.Table()
	if err != nil {
		return err
	}
	tableB, err := b.Table()
	if err != nil {
		return err
	}
	found, err := scan.Compare(ctx, a, b, opt.stage("reading"))
	if err != nil {
		return fmt.Errorf("%s, %s: %w", a.Path(), b.Path(), err)
	}
	d := &disks{ctx: ctx, a: a, b: b, tableA: tableA, tableB: tableB, l: ledger.New(), found: found, opt: opt, report: r}
	for _, side := range []struct {
		img   *split.Image
		table *split.Table
	}{{a, tableA}, {b, tableB}} {
		d.warn(side.img.Path(), side.img.Warnings())
		d.warn(side.img.Path(), side.table.Warnings)
	}
	if err := d.compareSize(); err != nil {
		return err
	}
	d.compareContainers()
	d.tables = tablecmp.Compare(ctx, d.l, tablecmp.Tables{MBR: tableA.MBR, GPT: tableA.GPT}, tablecmp.Tables{MBR: tableB.MBR, GPT: tableB.GPT}, d.size)
	if err := d.compareVolumes(); err != nil {
		return err
	}
	whole := ledger.Volume{A: a, B: b, Size: found.Size, Dirty: found.Spans}
	if err := d.l.Sweep(ctx, whole, 0, d.owner); err != nil {
		return fmt.Errorf("%s, %s: %w", a.Path(), b.Path(), err)
	}
	r.DifferingBytes = found.Bytes
	r.Findings = d.l.Findings()
	r.Heat = []report.Heat{heatOf(found.Heat, a.Size(), b.Size())}
	s := sampler{a: a, b: b, sizeA: a.Size(), sizeB: b.Size(), left: maxDiskSamples}
	if err := s.all(ctx, r.Findings); err != nil {
		return fmt.Errorf("%s, %s: %w", a.Path(), b.Path(), err)
	}
	if opt.Digests {
		return d.digests()
	}
	return nil
}

// disks is a comparison of two disks under way.
type disks struct {
	ctx            context.Context
	a, b           *split.Image
	tableA, tableB *split.Table
	l              *ledger.Ledger
	found          scan.Result
	size           *ledger.Finding // that the disks have different sizes
	tables         tablecmp.Result
	volumes        []*volume
	opt            Options
	report         *report.Report
}

func (d *disks) warn(path string, warnings []string) {
	for _, w := range warnings {
		d.report.Warnings = append(d.report.Warnings, report.Printable(path+": "+w))
	}
}

func (d *disks) compareSize() error {
	if d.a.Size() == d.b.Size() {
		return nil
	}
	at := min(d.a.Size(), d.b.Size())
	for _, s := range []struct {
		img, other *split.Image
		in         *report.Input
	}{{d.a, d.b, &d.report.A}, {d.b, d.a, &d.report.B}} {
		// A VHD's disk ends with a whole cylinder of its geometry: what
		// qemu-img puts behind a raw disk for that is not the disk's.
		if s.img.Format() != "vpc" || s.other.Format() == "vpc" || s.img.Size() == at {
			continue
		}
		zeros, err := zeroFrom(d.ctx, s.img, at)
		if err != nil {
			return err
		}
		if zeros {
			s.in.Added = s.img.Size() - at
			d.warn(s.img.Path(), []string{fmt.Sprintf("the format has rounded the disk up by %d bytes of zeros: a backup partition table is not at its end any more", s.in.Added)})
			return nil
		}
	}
	d.size, _ = d.l.Of(ledger.Key{Format: "disk", Structure: "disk", Field: "size"})
	d.size.A, d.size.B = fmt.Sprintf("%d bytes", d.a.Size()), fmt.Sprintf("%d bytes", d.b.Size())
	d.size.Cause = report.Content
	d.size.Remedy = "give the disk a fixed size"
	d.size.Note = "bytes are compared as far as both disks go"
	d.size.At(at, max(d.a.Size(), d.b.Size())-at)
	return nil
}

// zeroFrom tells whether a disk holds only zeros from off on.
func zeroFrom(ctx context.Context, img *split.Image, off int64) (bool, error) {
	buf := make([]byte, 64<<10)
	for off < img.Size() {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		start, end, err := img.NextData(off)
		if err != nil {
			return false, fmt.Errorf("%s: %w", img.Path(), err)
		}
		if start >= img.Size() {
			return true, nil
		}
		n := min(end-start, int64(len(buf)))
		if _, err := io.ReadFull(io.NewSectionReader(img, start, n), buf[:n]); err != nil {
			return false, fmt.Errorf("%s: at byte %d: %w", img.Path(), start, err)
		}
		for _, c := range buf[:n] {
			if c != 0 {
				return false, nil
			}
		}
		off = start + n
	}
	return true, nil
}

// volume is a partition number, with what the two disks have under it.
type volume struct {
	number int
	a, b   *split.Partition // nil where the disk has no such partition
	kindA  kind
	kindB  kind
	// aligned says that both begin at the same byte of the disk.
	aligned bool
	owner   func(off int64) ledger.Owned // in the volume; nil where its format is not known
}

// compareVolumes pairs the partitions and hands each pair to its comparer.
func (d *disks) compareVolumes() error {
	bare := func(t *split.Table, size int64) []split.Partition {
		if t.Label != split.LabelNone {
			return t.Partitions
		}
		return []split.Partition{{Length: size, Sectors: uint64(size / t.SectorSize)}}
	}
	byNumber := map[int]*volume{}
	at := func(n int) *volume {
		if byNumber[n] == nil {
			byNumber[n] = &volume{number: n}
			d.volumes = append(d.volumes, byNumber[n])
		}
		return byNumber[n]
	}
	partsA, partsB := bare(d.tableA, d.a.Size()), bare(d.tableB, d.b.Size())
	for i, p := range partsA {
		if p.Kind != split.Extended {
			at(p.Number).a = &partsA[i]
		}
	}
	for i, p := range partsB {
		if p.Kind != split.Extended {
			at(p.Number).b = &partsB[i]
		}
	}
	sort.Slice(d.volumes, func(i, j int) bool { return d.volumes[i].number < d.volumes[j].number })
	for _, v := range d.volumes {
		if err := d.compareVolume(v); err != nil {
			return err
		}
		d.report.Partitions = append(d.report.Partitions, report.Partition{
			Number: v.number, A: side(d.tableA, v.a, v.kindA), B: side(d.tableB, v.b, v.kindB),
		})
	}
	return nil
}

func side(t *split.Table, p *split.Partition, k kind) *report.PartitionSide {
	if p == nil {
		return nil
	}
	return &report.PartitionSide{
		Start: int64(p.Start), Sectors: int64(p.Sectors), SectorSize: t.SectorSize,
		Type: p.Type, TypeName: p.TypeName, Name: report.Printable(p.Name), UUID: p.UUID, Bootable: p.Bootable,
		Filesystem: k.Type, Label: report.Printable(k.Label), FSUUID: k.UUID,
	}
}

// ledgerSide is the partition as a comparer sees it: never past the end of
// the image.
func ledgerSide(img *split.Image, p *split.Partition) ledger.Side {
	length := max(min(p.Length, img.Size()-p.Offset), 0)
	return ledger.Side{R: io.NewSectionReader(img, p.Offset, length), Size: length, Base: p.Offset}
}

func (d *disks) compareVolume(v *volume) error {
	if v.a == nil || v.b == nil {
		for _, s := range []struct {
			img *split.Image
			p   *split.Partition
			k   *kind
		}{{d.a, v.a, &v.kindA}, {d.b, v.b, &v.kindB}} {
			if s.p != nil {
				*s.k, _ = identify(ledgerSide(s.img, s.p))
			}
		}
		return nil
	}
	p := ledger.Pair{Partition: v.number, A: ledgerSide(d.a, v.a), B: ledgerSide(d.b, v.b), Cause: d.tables.Place[v.number], Ask: d.opt.Ask}
	v.aligned = p.A.Base == p.B.Base
	p.Aligned = v.aligned
	var cmpA, cmpB string
	v.kindA, cmpA = identify(p.A)
	v.kindB, cmpB = identify(p.B)
	if p.Aligned {
		p.Dirty = scan.Within(d.found.Spans, p.A.Base, p.A.Base+min(p.A.Size, p.B.Size))
		if len(p.Dirty) == 0 && p.A.Size == p.B.Size {
			return nil // not a byte differs
		}
	}
	if v.kindA.Type != v.kindB.Type {
		d.otherKind(v)
		return nil
	}
	compare, ok := comparers[cmpA]
	if !ok || cmpA != cmpB {
		return d.unread(v, p)
	}
	res, err := compare(d.ctx, d.l, p)
	if err != nil {
		if d.ctx.Err() != nil {
			return d.ctx.Err()
		}
		// Sound enough to be recognised, not to be read: said, and left to
		// the unexplained bytes.
		d.warn(fmt.Sprintf("partition %d", v.number), []string{err.Error()})
		return nil
	}
	d.warn(fmt.Sprintf("partition %d", v.number), res.Warnings)
	v.owner = res.Owner
	return nil
}

// otherKind enters that the two sides hold different sorts of filesystem.
func (d *disks) otherKind(v *volume) {
	f, _ := d.l.Of(ledger.Key{Partition: v.number, Format: "disk", Structure: "partition", Field: "filesystem"})
	f.A, f.B = v.kindA.Type, v.kindB.Type
	f.Cause = report.Content
	f.Remedy = "make both filesystems with the same mkfs"
	f.At(v.a.Offset, 1)
	f.Follows(d.tables.Place[v.number])
	v.owner = func(int64) ledger.Owned { return ledger.Owned{Finding: f, End: v.a.Length} }
}

// unread compares two partitions of which at most the name of the filesystem
// is known: their bytes, wherever they lie.
func (d *disks) unread(v *volume, p ledger.Pair) error {
	if !p.Aligned {
		diff, err := contents.Compare(d.ctx, contents.File{R: p.A.R, Size: p.A.Size}, contents.File{R: p.B.R, Size: p.B.Size})
		if err != nil || diff.First < 0 { // another length is the table's doing
			return err
		}
	}
	if v.kindA.Type == "" && p.Aligned {
		return nil // nobody's bytes: they are reported as unknown
	}
	k := ledger.Key{Partition: v.number, Format: v.kindA.Type, Structure: "filesystem", Field: "content"}
	if k.Format == "" {
		k.Format, k.Structure = "disk", "partition"
	}
	f, fresh := d.l.Of(k)
	if fresh {
		f.A, f.B = v.kindA.UUID, v.kindB.UUID
		f.Note = "this filesystem is recognised, but its structures are not read"
		if k.Format == "disk" {
			f.Note = "no format that is known here claims these bytes"
		}
		f.At(p.A.Base, p.A.Size)
	}
	v.owner = func(int64) ledger.Owned { return ledger.Owned{Finding: f, End: v.a.Length} }
	return nil
}

// owner answers for a differing byte of the disk.
func (d *disks) owner(off int64) ledger.Owned {
	lo, hi := d.bounds(off)
	o := d.tables.Owner(off)
	if o.Finding == nil {
		o = d.volumeOwner(off, lo, hi)
	}
	o.Start, o.End = max(o.Start, lo), min(o.End, hi)
	return o
}

// bounds is the range around off in which neither disk's partitions begin or
// end.
func (d *disks) bounds(off int64) (lo, hi int64) {
	hi = d.found.Size
	for _, v := range d.volumes {
		for _, p := range []*split.Partition{v.a, v.b} {
			if p == nil {
				continue
			}
			for _, edge := range []int64{p.Offset, p.End()} {
				if edge <= off {
					lo = max(lo, edge)
				} else {
					hi = min(hi, edge)
				}
			}
		}
	}
	return lo, hi
}

func holds(p *split.Partition, off int64) bool {
	return p != nil && off >= p.Offset && off < p.End()
}

func (d *disks) volumeOwner(off, lo, hi int64) ledger.Owned {
	var inA, inB *volume
	for _, v := range d.volumes {
		if holds(v.a, off) && inA == nil {
			inA = v
		}
		if holds(v.b, off) && inB == nil {
			inB = v
		}
	}
	switch {
	case inA == nil && inB == nil:
		return ledger.Owned{Finding: d.gap(off, lo, hi), Start: lo, End: d.untilStructure(off, hi)}
	case inA == inB && inA.aligned:
		if inA.owner == nil {
			return ledger.Owned{Finding: d.l.Unknown(inA.number), Start: lo, End: hi}
		}
		base := inA.a.Offset
		o := inA.owner(off - base)
		if o.Finding == nil {
			o.Finding = d.l.Unknown(inA.number)
		}
		o.Start += base
		o.End += base
		return o
	}
	// What lies here differs because the partitions do.
	v := inA
	if v == nil {
		v = inB
	}
	f, fresh := d.l.Of(ledger.Key{Partition: v.number, Format: "disk", Structure: "partition", Field: "place"})
	if fresh {
		f.Cause = report.Placement
		f.Note = "the two disks have different partitions here"
		f.Follows(d.tables.Place[v.number])
		if inB != nil {
			f.Follows(d.tables.Place[inB.number])
		}
		f.Follows(d.size)
	}
	return ledger.Owned{Finding: f, Start: lo, End: hi}
}

// untilStructure is hi, or where the next structure of a table begins before.
func (d *disks) untilStructure(off, hi int64) int64 {
	for _, t := range []*split.Table{d.tableA, d.tableB} {
		for _, s := range t.Structures {
			if s.Offset > off {
				hi = min(hi, s.Offset)
			}
		}
	}
	return hi
}

// gap is the finding of the unpartitioned space around a byte. Each gap of a
// disk is one finding.
func (d *disks) gap(off, lo, hi int64) *ledger.Finding {
	start := lo
	for _, t := range []*split.Table{d.tableA, d.tableB} {
		for _, s := range t.Structures {
			if end := s.Offset + s.Length; end <= off {
				start = max(start, end)
			}
		}
	}
	f, fresh := d.l.Of(ledger.Key{Format: "disk", Structure: "gap", Field: "content", Part: fmt.Sprint(start)})
	if fresh {
		f.Cause = report.Residue
		f.Remedy = "start from a disk image of zeros (truncate -s), and write nothing between partitions"
		f.Note = fmt.Sprintf("unpartitioned space from byte %d to %d", start, d.untilStructure(off, hi)-1)
		if start < 1<<20 && d.tableA.Label == split.LabelDOS && d.tableA.MBR.Kind == mbr.MSDOS {
			f.Note += "; boot loaders are embedded here"
		}
	}
	return f
}
