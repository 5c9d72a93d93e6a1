package vdi

import (
	"encoding/binary"
	"fmt"

	"github.com/reprodisk/reprodisk/internal/ondisk/blockmap"
	"github.com/reprodisk/reprodisk/internal/ondisk/container"
)

// sector is the unit in bytes to which a disk's size is rounded up: VBoxManage
// makes disks of odd sizes, which QEMU shows rounded.
const sector = 512

// maxDiskSize is the largest disk in bytes: 2^32 blocks of 1 MiB.
const maxDiskSize = 1 << 52

// Image is an opened VDI. It is safe for concurrent use.
type Image struct {
	file     container.Disk
	raw      []byte // the header's sector
	header   Header
	table    *blockmap.Map
	zero     int64 // entries of the map that read as zeros
	free     int64 // entries of the map that were never written
	warnings []string
}

var _ container.Image = (*Image)(nil)

// Open reads the header and the block map of the VDI in file, which the image
// takes over; where there is an error, closing it is left to the caller.
func Open(file container.Disk) (*Image, error) {
	raw := make([]byte, Layout.Size())
	if err := blockmap.ReadFull(file, raw, 0); err != nil {
		return nil, fmt.Errorf("VDI header: %w", err)
	}
	i := &Image{file: file, raw: raw, header: Layout.Decode(raw)}
	if err := i.check(); err != nil {
		return nil, err
	}
	if err := i.readMap(); err != nil {
		return nil, err
	}
	return i, nil
}

// check refuses what cannot be read as the header says.
func (i *Image) check() error {
	h := &i.header
	switch {
	case h.Signature != Signature:
		return fmt.Errorf("u32Signature at byte 64 is 0x%08x, not 0x%08x: this is no VDI", h.Signature, uint32(Signature))
	case h.Version != version:
		return fmt.Errorf("VDI version %d.%d at byte 68 is not read, only 1.1: convert it with `VBoxManage clonemedium`", h.Version>>16, h.Version&0xffff)
	case h.Type == typeUndo || h.Type == typeDiff:
		name := map[uint32]string{typeUndo: "undo", typeDiff: "differencing"}[h.Type]
		return fmt.Errorf("is a VDI of type %d (%s): it holds only what changed since another image, join them with `VBoxManage clonemedium`", h.Type, name)
	case h.Type != typeDynamic && h.Type != typeFixed:
		return fmt.Errorf("u32Type at byte 76 is %d, neither 1 (dynamic) nor 2 (fixed): the header is damaged, take a whole copy", h.Type)
	case h.UUIDLink != [16]byte{} || h.UUIDParent != [16]byte{}:
		return fmt.Errorf("the VDI is linked to another image (uuid_link at byte 424): join them with `VBoxManage clonemedium`")
	case h.BlockSize < sector || h.BlockSize&(h.BlockSize-1) != 0:
		return fmt.Errorf("cbBlock at byte 376 is %d, not a power of two of at least 512: the header is damaged, take a whole copy", h.BlockSize)
	case h.BlockExtra > h.BlockSize:
		return fmt.Errorf("cbBlockExtra at byte 380 is %d, more than a block of %d bytes: the header is damaged, take a whole copy", h.BlockExtra, h.BlockSize)
	case h.DiskSize == 0 || h.DiskSize > maxDiskSize:
		return fmt.Errorf("cbDisk at byte 368 is %d: no disk is of that size, the header is damaged, take a whole copy", h.DiskSize)
	case h.DiskSize > uint64(h.Blocks)*uint64(h.BlockSize):
		return fmt.Errorf("cbDisk at byte 368 is %d, more than cBlocks at byte 384 (%d) blocks of %d bytes: the header is damaged, take a whole copy", h.DiskSize, h.Blocks, h.BlockSize)
	}
	if end := int64(h.OffBlocks) + 4*int64(h.Blocks); end > i.file.Size() {
		return fmt.Errorf("the block map at byte %d ends at byte %d, behind the end of the file of %d bytes: it is cut off, take a whole copy", h.OffBlocks, end, i.file.Size())
	}
	return nil
}

// readMap reads the block map a piece at a time.
func (i *Image) readMap() error {
	h := &i.header
	b := blockmap.Builder{Size: i.diskSize(), BlockSize: int64(h.BlockSize), FileSize: i.file.Size()}
	stride := int64(h.BlockSize) + int64(h.BlockExtra)
	err := blockmap.Entries(i.file, int64(h.OffBlocks), int64(h.Blocks), 4, false, func(n int64, e []byte) error {
		switch v := binary.LittleEndian.Uint32(e); v {
		case blockZero:
			i.zero++
		case blockFree:
			i.free++
		default:
			return b.Add(n, int64(h.OffData)+int64(v)*stride+int64(h.BlockExtra))
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("VDI block map at byte %d: %w", h.OffBlocks, err)
	}
	i.table = b.Map()
	if used := i.table.Blocks(); used != int64(h.BlocksAllocated) {
		i.warnings = append(i.warnings, fmt.Sprintf("cBlocksAllocated at byte 388 is %d, the block map has %d", h.BlocksAllocated, used))
	}
	return nil
}

// diskSize is cbDisk rounded up to whole sectors, as QEMU rounds it.
func (i *Image) diskSize() int64 {
	return int64((i.header.DiskSize + sector - 1) / sector * sector)
}

// Size is the disk's length in bytes.
func (i *Image) Size() int64 { return i.table.Size() }

// ReadAt reads the disk.
func (i *Image) ReadAt(b []byte, off int64) (int, error) { return i.table.ReadAt(i.file, b, off) }

// NextData is the next range that may hold anything but zeros.
func (i *Image) NextData(off int64) (start, end int64, err error) {
	return i.table.NextData(i.file, off)
}

// Close closes the file.
func (i *Image) Close() error { return i.file.Close() }

// Format is "vdi".
func (i *Image) Format() string { return "vdi" }

// Warnings lists what is doubtful.
func (i *Image) Warnings() []string { return i.warnings }
