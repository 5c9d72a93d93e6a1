package vhd

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	"github.com/reprodisk/reprodisk/internal/ondisk/blockmap"
)

// dynamic is what a dynamic image has beside its footers.
type dynamic struct {
	at      int64 // of the header, bytes of the file
	raw     []byte
	header  Header
	table   *blockmap.Map
	free    int64  // entries of the BAT without a block
	looked  int64  // blocks whose bitmaps were read
	marked  int64  // sectors that the bitmaps mark as written
	bitmaps []byte // SHA-256 of all bitmaps, in the order of the disk
	first   int64  // where the first block's bitmap lies, bytes of the file
}

// maxBitmaps is how many blocks' bitmaps are read: those of the largest disk
// of blocks of 2 MiB. Nothing but Metadata depends on them.
const maxBitmaps = 1 << 20

// readDynamic reads the header at byte at, the BAT and the sectors' bitmaps.
func (i *Image) readDynamic(at int64) (*dynamic, error) {
	d := &dynamic{at: at, raw: make([]byte, HeaderLayout.Size())}
	n := i.file.Size()
	if at < 0 || at > n-int64(len(d.raw)) {
		return nil, fmt.Errorf("DataOffset in the footer is %d, which leaves no room for a header in the file of %d bytes: it is cut off, take a whole copy", i.footer.DataOffset, n)
	}
	if err := blockmap.ReadFull(i.file, d.raw, at); err != nil {
		return nil, fmt.Errorf("VHD dynamic disk header: %w", err)
	}
	d.header = HeaderLayout.Decode(d.raw)
	h := &d.header
	blocks := int64(h.MaxTableEntries)
	switch {
	case string(h.Cookie[:]) != headerCookie:
		return nil, fmt.Errorf("the dynamic disk header at byte %d does not begin with %q: it is damaged, take a whole copy", at, headerCookie)
	case h.BlockSize < sector || h.BlockSize&(h.BlockSize-1) != 0:
		return nil, fmt.Errorf("BlockSize at byte %d is %d, not a power of two of at least 512: the header is damaged, take a whole copy", at+32, h.BlockSize)
	case i.size > blocks*int64(h.BlockSize):
		return nil, fmt.Errorf("MaxTableEntries at byte %d is %d, too few blocks of %d bytes for a disk of %d: the header is damaged, take a whole copy", at+28, blocks, h.BlockSize, i.size)
	case h.TableOffset > uint64(n) || int64(h.TableOffset) > n-4*blocks:
		return nil, fmt.Errorf("the BAT at byte %d of %d entries ends behind the end of the file of %d bytes: it is cut off, take a whole copy", h.TableOffset, blocks, n)
	}
	if h.Checksum != checksum(d.raw, headerChecksum) {
		i.warn("the dynamic disk header at byte %d has a wrong checksum", at)
	}
	return d, i.readTable(d)
}

func (i *Image) readTable(d *dynamic) error {
	h := &d.header
	sum := sha256.New()
	bitmap := make([]byte, bitmapSize(h.BlockSize))
	b := blockmap.Builder{Size: i.size, BlockSize: int64(h.BlockSize), FileSize: i.file.Size()}
	err := blockmap.Entries(i.file, int64(h.TableOffset), int64(h.MaxTableEntries), 4, false, func(n int64, e []byte) error {
		v := binary.BigEndian.Uint32(e)
		if v == freeMark {
			d.free++
			return nil
		}
		if v == 0 {
			return errors.New("its block lies at byte 0, where the footer's copy is: the table is damaged, take a whole copy")
		}
		at := int64(v) * sector
		if err := b.Add(n, at+int64(len(bitmap))); err != nil {
			return err
		}
		if d.looked == maxBitmaps {
			return nil
		}
		d.looked++
		if err := blockmap.ReadFull(i.file, bitmap, at); err != nil {
			return err
		}
		for _, c := range bitmap {
			d.marked += int64(bits.OnesCount8(c))
		}
		sum.Write(bitmap)
		if d.first == 0 {
			d.first = at
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("VHD block allocation table at byte %d: %w", h.TableOffset, err)
	}
	d.table = b.Map()
	d.bitmaps = sum.Sum(nil)
	return nil
}

// bitmapSize is the length in bytes of the bitmap before a block: a bit for
// each sector, rounded up to whole sectors.
func bitmapSize(blockSize uint32) int64 {
	n := int64(blockSize) / sector / 8
	return max((n+sector-1)/sector, 1) * sector
}
