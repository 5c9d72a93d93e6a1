package vhdx

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/reprodisk/reprodisk/internal/ondisk/blockmap"
	"github.com/reprodisk/reprodisk/internal/ondisk/container"
	"github.com/reprodisk/reprodisk/internal/ondisk/field"
)

// Image is an opened VHDX. It is safe for concurrent use.
type Image struct {
	file        container.Disk
	identifier  []byte
	headers     [2][]byte
	current     int // which header holds
	header      Header
	regions     [2][]byte
	bat, meta   region
	metadata    []byte // the metadata region's table
	items       []item
	params      parameters
	logicalSize uint32
	table       *blockmap.Map
	entries     int64            // of the BAT, those of sectors' bitmaps among them
	states      map[uint64]int64 // how many blocks are in each state
	log         string           // what is left in the log
	warnings    []string
}

// region is a region's place in bytes of the file.
type region struct{ at, length int64 }

var _ container.Image = (*Image)(nil)

// Open reads what the VHDX in file says about itself. The image takes the file
// over; where there is an error, closing it is left to the caller.
func Open(file container.Disk) (*Image, error) {
	i := &Image{file: file, states: map[uint64]int64{}}
	for _, step := range []func() error{i.readIdentifier, i.readHeaders, i.readRegions, i.readMetadata, i.readBAT, i.readLog} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return i, nil
}

func (i *Image) readIdentifier() error {
	i.identifier = make([]byte, IdentifierLayout.Size())
	if err := blockmap.ReadFull(i.file, i.identifier, 0); err != nil {
		return fmt.Errorf("VHDX file identifier: %w", err)
	}
	if string(i.identifier[:8]) != Signature {
		return fmt.Errorf("does not begin with %q: this is no VHDX", Signature)
	}
	return nil
}

// readHeaders reads both headers and chooses the one that was written last.
func (i *Image) readHeaders() error {
	var h [2]Header
	var good [2]bool
	for n, at := range []int64{headerAt1, headerAt2} {
		b := make([]byte, headerSize)
		if err := blockmap.ReadFull(i.file, b, at); err != nil {
			return fmt.Errorf("VHDX header %d: %w", n+1, err)
		}
		i.headers[n], h[n] = b, HeaderLayout.Decode(b)
		good[n] = string(h[n].Signature[:]) == headerSignature && goodChecksum(b)
	}
	switch {
	case !good[0] && !good[1]:
		return fmt.Errorf("neither of the headers at bytes %d and %d has a right checksum: the file is damaged, take a whole copy", headerAt1, headerAt2)
	case good[0] && good[1] && h[0].SequenceNumber == h[1].SequenceNumber && h[0] != h[1]:
		return fmt.Errorf("the headers at bytes %d and %d differ, and neither was written later: the file is damaged, take a whole copy", headerAt1, headerAt2)
	case !good[0] || good[1] && h[1].SequenceNumber > h[0].SequenceNumber:
		i.current = 1
	}
	if !good[1-i.current] {
		// A file that was just made, or one whose writer was interrupted.
		i.warn("header %d at byte %d has a wrong checksum: header %d is used", 2-i.current, []int{headerAt1, headerAt2}[1-i.current], i.current+1)
	}
	i.header = h[i.current]
	switch {
	case i.header.Version != 1:
		return fmt.Errorf("VHDX version %d in header %d is not read, only 1: convert it with Hyper-V's Convert-VHD", i.header.Version, i.current+1)
	case i.header.LogGUID != [16]byte{}:
		return fmt.Errorf("the image was not closed: its log (LogGuid %s at byte %d) is to be replayed first, with `qemu-img check -r all`", field.ShowGUID(i.header.LogGUID[:]), []int{headerAt1, headerAt2}[i.current]+48)
	}
	return nil
}

// readRegions reads both copies of the region table and uses the first good one.
func (i *Image) readRegions() error {
	used := -1
	for n, at := range []int64{regionAt1, regionAt2} {
		b := make([]byte, regionSize)
		if err := blockmap.ReadFull(i.file, b, at); err != nil {
			return fmt.Errorf("VHDX region table %d: %w", n+1, err)
		}
		i.regions[n] = b
		switch {
		case string(b[:4]) != regionSignature || !goodChecksum(b):
			i.warn("region table %d at byte %d has a wrong checksum", n+1, at)
		case used < 0:
			used = n
		}
	}
	if used < 0 {
		return fmt.Errorf("neither of the region tables at bytes %d and %d has a right checksum: the file is damaged, take a whole copy", regionAt1, regionAt2)
	}
	if string(i.regions[0]) != string(i.regions[1]) {
		i.warn("the region tables at bytes %d and %d differ: table %d is used", regionAt1, regionAt2, used+1)
	}
	b := i.regions[used]
	count := tableLayout.Decode(b).EntryCount
	if count > maxTableEntries {
		return fmt.Errorf("region table %d has %d entries, more than %d: the file is damaged, take a whole copy", used+1, count, maxTableEntries)
	}
	for n := range int(count) {
		e := regionLayout.Decode(b[tableLayout.Size()+n*regionLayout.Size():])
		var r *region
		switch {
		case e.GUID == batRegion:
			r = &i.bat
		case e.GUID == metadataRegion:
			r = &i.meta
		case e.Required&required != 0:
			return fmt.Errorf("entry %d of region table %d requires a region that is not known, %s: convert the image with Hyper-V's Convert-VHD", n, used+1, field.ShowGUID(e.GUID[:]))
		default:
			continue
		}
		if r.at != 0 {
			return fmt.Errorf("entry %d of region table %d is the second of its kind: the file is damaged, take a whole copy", n, used+1)
		}
		if e.FileOffset < mib || e.FileOffset > uint64(i.file.Size()) {
			return fmt.Errorf("entry %d of region table %d places its region at byte %d, outside of the file of %d bytes: it is cut off, take a whole copy", n, used+1, e.FileOffset, i.file.Size())
		}
		*r = region{int64(e.FileOffset), int64(e.Length)}
	}
	if i.bat.at == 0 || i.meta.at == 0 {
		return errors.New("the region table names no BAT or no metadata: the file is damaged, take a whole copy")
	}
	return nil
}

// readBAT reads the block allocation table.
func (i *Image) readBAT() error {
	size, block := i.diskSize(), int64(i.params.BlockSize)
	chunk := int64(1<<23) * int64(i.logicalSize) / block // blocks between two bitmaps
	blocks := (size + block - 1) / block
	i.entries = blocks + (blocks-1)/chunk
	if end := i.bat.at + 8*i.entries; 8*i.entries > i.bat.length || end > i.file.Size() {
		return fmt.Errorf("the BAT at byte %d of %d bytes is too short or cut off, a disk of %d bytes needs %d entries: the file is damaged, take a whole copy", i.bat.at, i.bat.length, size, i.entries)
	}
	b := blockmap.Builder{Size: size, BlockSize: block, FileSize: i.file.Size()}
	var listed int64
	err := blockmap.Entries(i.file, i.bat.at, i.entries, 8, true, func(n int64, e []byte) error {
		if (n+1)%(chunk+1) == 0 {
			return nil // of a bitmap, which means nothing here
		}
		v := binary.LittleEndian.Uint64(e)
		state := v & 7
		switch state {
		case stateNotPresent, stateUndefined, stateZero, stateUnmapped, stateUnmapped095:
		case stateFullyPresent:
			place := v & blockPlace
			if place < mib || place > uint64(i.file.Size()) {
				return fmt.Errorf("its block lies at byte %d, outside of the file of %d bytes: it is cut off, take a whole copy", place, i.file.Size())
			}
			if err := b.Add(n-n/(chunk+1), int64(place)); err != nil {
				return err
			}
		case statePartial:
			return errors.New("its block is partly in a parent, which the image says it does not have: the file is damaged, take a whole copy")
		default:
			return fmt.Errorf("its block is in state %d, which is not known: convert the image with Hyper-V's Convert-VHD", state)
		}
		i.states[state]++
		listed++
		return nil
	})
	if err != nil {
		return fmt.Errorf("VHDX block allocation table: %w", err)
	}
	i.states[stateNotPresent] += blocks - listed
	i.table = b.Map()
	return nil
}

func (i *Image) warn(format string, args ...any) {
	i.warnings = append(i.warnings, fmt.Sprintf(format, args...))
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

// Format is "vhdx".
func (i *Image) Format() string { return "vhdx" }

// Warnings lists what is damaged or doubtful.
func (i *Image) Warnings() []string { return i.warnings }
