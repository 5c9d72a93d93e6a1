package mkbtrfs

import (
	"context"
	"fmt"
	"io"

	"github.com/reprodisk/reprodisk/internal/mkfs/pour"
	"github.com/reprodisk/reprodisk/internal/ondisk/btrfs"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// maxSums is how many checksums one item holds: MAX_CSUM_ITEMS of btrfs-progs,
// which leaves two items' heads free in a leaf.
const maxSums = (leafRoom-2*btrfs.ItemSize)/4 - 1

// sumRun is the checksums of sectors that follow each other.
type sumRun struct {
	at   uint64 // logical address
	n    int
	sums []uint32 // nil while only room is counted
}

// data is what the content comes to on the device.
type data struct {
	space *space
	sums  []*sumRun
	limit uint64 // the device's size

	ctx      context.Context
	w        io.WriterAt // nil: nothing is written, and nothing read
	buf      pour.Buffer
	sector   [sector]byte
	progress func(done int64)
	done     int64
}

// file places a file's content.
func (d *data) file(o *object) error {
	if o.Type() != tree.Regular || o.inline() {
		return nil
	}
	o.extents = nil
	if d.w == nil {
		return d.place(o, 0, uint64(o.Size+sector-1)/sector*sector, nil)
	}
	r, err := o.Content.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	err = pour.Runs(d.ctx, r, o.Size, d.buf, func(b []byte, off int64) error {
		whole := len(b) / sector * sector
		if err := d.place(o, uint64(off), uint64(whole), b[:whole]); err != nil {
			return err
		}
		if whole < len(b) { // the file's end, filled up with zeros
			d.sector = [sector]byte{}
			copy(d.sector[:], b[whole:])
			if err := d.place(o, uint64(off)+uint64(whole), sector, d.sector[:]); err != nil {
				return err
			}
		}
		if d.progress != nil {
			d.progress(d.done + off + int64(len(b)))
		}
		return nil
	})
	d.done += o.Size
	return err
}

// place gives n bytes of a file, whole sectors, their room.
func (d *data) place(o *object, off, n uint64, b []byte) error {
	for n > 0 {
		at, got := d.space.data(min(n, btrfs.MaxExtent))
		if at+got > d.limit {
			return &SpaceError{}
		}
		last := len(o.extents) - 1
		if last >= 0 && d.follows(o.extents[last], off, at, got) {
			o.extents[last].length += got
		} else {
			o.extents = append(o.extents, extent{off, at, got})
		}
		d.sum(at, got, b)
		if b != nil {
			if _, err := d.w.WriteAt(b[:got], int64(at)); err != nil {
				return fmt.Errorf("writing at byte %d: %w", at, err)
			}
			b = b[got:]
		}
		off, n = off+got, n-got
	}
	return nil
}

func (d *data) follows(e extent, off, at, n uint64) bool {
	return e.offset+e.length == off && e.at+e.length == at && e.length+n <= btrfs.MaxExtent &&
		at != d.space.open.logical // an extent ends with its chunk
}

func (d *data) sum(at, n uint64, b []byte) {
	for ; n > 0; at, n = at+sector, n-sector {
		var run *sumRun
		if len(d.sums) > 0 {
			run = d.sums[len(d.sums)-1]
		}
		if run == nil || run.at+uint64(run.n)*sector != at || run.n == maxSums || at == d.space.open.logical {
			run = &sumRun{at: at}
			d.sums = append(d.sums, run)
		}
		run.n++
		if b != nil {
			run.sums = append(run.sums, btrfs.Checksum(b[:sector]))
			b = b[sector:]
		}
	}
}
