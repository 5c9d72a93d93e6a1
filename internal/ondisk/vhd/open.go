package vhd

import (
	"errors"
	"fmt"
	"io"

	"github.com/reprodisk/reprodisk/internal/ondisk/blockmap"
	"github.com/reprodisk/reprodisk/internal/ondisk/container"
)

// ErrNotVHD is what Open returns where neither the begin nor the end of the
// file is a footer: a raw disk may hold its first eight bytes anywhere.
var ErrNotVHD = errors.New("is no VHD: its last 512 bytes are no footer with a right checksum; if it is one, it is cut off, take a whole copy")

// copyOf is a footer as it lies in the file.
type copyOf struct {
	structure string
	at        int64 // bytes of the file
	raw       []byte
}

func (c *copyOf) good() bool { return c != nil && goodFooter(c.raw) }

// Image is an opened VHD. It is safe for concurrent use.
type Image struct {
	file     container.Disk
	front    *copyOf // of a dynamic image
	back     *copyOf // nil where the file ends with something else
	footer   Footer
	size     int64
	dynamic  *dynamic // nil for a fixed image
	warnings []string
}

var _ container.Image = (*Image)(nil)

// Open reads what the VHD in file says about itself. The image takes the file
// over; where there is an error, closing it is left to the caller.
func Open(file container.Disk) (*Image, error) {
	i := &Image{file: file}
	n := file.Size()
	if n < sector {
		return nil, fmt.Errorf("the file has %d bytes, a VHD's footer alone has 512: it is cut off, take a whole copy", n)
	}
	var err error
	if i.front, err = readFooter(file, "footer copy", 0); err != nil {
		return nil, err
	}
	if n >= 2*sector {
		if i.back, err = readFooter(file, "footer", n-sector); err != nil {
			return nil, err
		}
	}
	if i.front == nil || FooterLayout.Decode(i.front.raw).DiskType == typeFixed {
		err = i.openFixed()
	} else {
		err = i.openDynamic()
	}
	if err != nil {
		return nil, err
	}
	return i, nil
}

// EndsWithFooter says whether the last 512 bytes of a file of size bytes are a
// footer with a right checksum, by which a fixed VHD is told.
func EndsWithFooter(r io.ReaderAt, size int64) bool {
	if size < 2*sector {
		return false
	}
	c, err := readFooter(r, "footer", size-sector)
	return err == nil && c.good()
}

// readFooter is nil where there is no footer at byte at.
func readFooter(file io.ReaderAt, structure string, at int64) (*copyOf, error) {
	c := &copyOf{structure: structure, at: at, raw: make([]byte, sector)}
	if err := blockmap.ReadFull(file, c.raw, at); err != nil {
		return nil, fmt.Errorf("VHD footer: %w", err)
	}
	if string(c.raw[:8]) != Cookie {
		return nil, nil
	}
	return c, nil
}

func (i *Image) openFixed() error {
	if !i.back.good() {
		return ErrNotVHD
	}
	i.front = nil // a disk may begin with a footer of its own
	i.footer = FooterLayout.Decode(i.back.raw)
	switch i.footer.DiskType {
	case typeFixed:
	case typeDifferencing:
		return errDifferencing
	case typeDynamic:
		return fmt.Errorf("is a dynamic VHD whose first 512 bytes, the copy of the footer, are gone: copy its last 512 bytes there")
	default:
		return fmt.Errorf("DiskType at byte %d is %d, neither 2 (fixed) nor 3 (dynamic): convert it with `qemu-img convert -f vpc`", i.back.at+60, i.footer.DiskType)
	}
	size, err := i.diskSize()
	if err != nil {
		return err
	}
	if size > i.back.at {
		return fmt.Errorf("the disk has %d bytes, before the footer at byte %d there are fewer: the file is cut off, take a whole copy", size, i.back.at)
	}
	i.size = size
	return nil
}

func (i *Image) openDynamic() error {
	chosen := i.front
	switch {
	case i.front.good():
	case i.back.good():
		chosen = i.back
		i.warn("the copy of the footer at byte 0 has a wrong checksum: the footer at byte %d is used", i.back.at)
	default:
		i.warn("the copy of the footer at byte 0 has a wrong checksum")
	}
	switch {
	case i.back == nil:
		i.warn("the file does not end with a footer: it may be cut off")
	case !i.back.good():
		i.warn("the footer at byte %d has a wrong checksum", i.back.at)
	case i.front.good() && string(i.front.raw) != string(i.back.raw):
		i.warn("the footer at byte %d differs from its copy at byte 0, which is used", i.back.at)
	}
	i.footer = FooterLayout.Decode(chosen.raw)
	switch i.footer.DiskType {
	case typeDynamic:
	case typeDifferencing:
		return errDifferencing
	default:
		return fmt.Errorf("DiskType at byte %d is %d, neither 2 (fixed) nor 3 (dynamic): the footer is damaged, take a whole copy", chosen.at+60, i.footer.DiskType)
	}
	size, err := i.diskSize()
	if err != nil {
		return err
	}
	i.size = size
	if i.dynamic, err = i.readDynamic(int64(i.footer.DataOffset)); err != nil {
		return err
	}
	return nil
}

var errDifferencing = errors.New("is a differencing VHD: it holds only what differs from its parent, join them with Hyper-V's Merge-VHD or `VBoxManage clonemedium`")

// ignoresGeometry holds the programs, by CreatorApplication, that make disks
// of CurrentSize bytes and a geometry that merely comes near it.
var ignoresGeometry = map[string]bool{
	"win ": true, "qem2": true, "d2v ": true, "CTXS": true, "tap\x00": true,
}

// diskSize is what QEMU shows as the virtual size, in bytes: Virtual PC goes
// by the geometry, most others by CurrentSize, and beyond the largest geometry
// all do.
func (i *Image) diskSize() (int64, error) {
	f := &i.footer
	g := f.DiskGeometry
	sectors := uint64(g[0])<<8 | uint64(g[1])
	sectors *= uint64(g[2]) * uint64(g[3])
	if ignoresGeometry[string(f.CreatorApplication[:])] || sectors == maxGeometry {
		sectors = f.CurrentSize / sector
	}
	if sectors == 0 || sectors > maxSectors {
		return 0, fmt.Errorf("the footer gives the disk %d sectors: no VHD is of that size, the footer is damaged, take a whole copy", sectors)
	}
	if sectors*sector != f.CurrentSize {
		i.warn("CurrentSize in the footer is %d, the geometry makes %d, which is used as for all images of %q", f.CurrentSize, sectors*sector, f.CreatorApplication)
	}
	return int64(sectors * sector), nil
}

func (i *Image) warn(format string, args ...any) {
	i.warnings = append(i.warnings, fmt.Sprintf(format, args...))
}

// Size is the disk's length in bytes.
func (i *Image) Size() int64 { return i.size }

// ReadAt reads the disk.
func (i *Image) ReadAt(b []byte, off int64) (int, error) {
	if i.dynamic != nil {
		return i.dynamic.table.ReadAt(i.file, b, off)
	}
	return blockmap.Read(b, off, i.size, func(b []byte, off int64) (int64, error) {
		return int64(len(b)), blockmap.ReadFull(i.file, b, off)
	})
}

// NextData is the next range that may hold anything but zeros.
func (i *Image) NextData(off int64) (start, end int64, err error) {
	if i.dynamic != nil {
		return i.dynamic.table.NextData(i.file, off)
	}
	if off >= i.size {
		return i.size, i.size, nil
	}
	start, end, err = i.file.NextData(off)
	return min(start, i.size), min(end, i.size), err
}

// Close closes the file.
func (i *Image) Close() error { return i.file.Close() }

// Format is "vpc", which is QEMU's name of the format.
func (i *Image) Format() string { return "vpc" }

// Warnings lists what is damaged or doubtful.
func (i *Image) Warnings() []string { return i.warnings }
