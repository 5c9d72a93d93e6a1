package vhdx

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/reprodisk/reprodisk/internal/ondisk/blockmap"
	"github.com/reprodisk/reprodisk/internal/ondisk/field"
)

// item is a known item of the metadata region.
type item struct {
	kind  *itemKind
	entry int   // in the table
	at    int64 // bytes of the file
	raw   []byte
}

// itemKind is what is known of an item.
type itemKind struct {
	name   string
	id     [16]byte
	fields []field.Field
	size   int
}

// kinds are the items that every image has.
var kinds = []itemKind{
	{"File Parameters", fileParameters, paramLayout.Fields(), paramLayout.Size()},
	{"Virtual Disk Size", virtualDiskSize, sizeLayout.Fields(), sizeLayout.Size()},
	{"Virtual Disk ID", virtualDiskID, idLayout.Fields(), idLayout.Size()},
	{"Logical Sector Size", logicalSectorSize, logicalLayout.Fields(), logicalLayout.Size()},
	{"Physical Sector Size", physicalSectorSize, physicalLayout.Fields(), physicalLayout.Size()},
}

const (
	maxDiskSize  = 64 << 40  // bytes, 64 TiB
	maxBlockSize = 256 << 20 // bytes
)

// readMetadata reads the metadata region's table and its known items.
func (i *Image) readMetadata() error {
	n := i.file.Size()
	if i.meta.length < metadataTableSize || i.meta.at > n-metadataTableSize {
		return fmt.Errorf("the metadata region at byte %d of %d bytes is too short or cut off: take a whole copy", i.meta.at, i.meta.length)
	}
	i.metadata = make([]byte, metadataTableSize)
	if err := blockmap.ReadFull(i.file, i.metadata, i.meta.at); err != nil {
		return fmt.Errorf("VHDX metadata: %w", err)
	}
	h := metadataLayout.Decode(i.metadata)
	if string(h.Signature[:]) != metadataSignature || h.EntryCount > maxTableEntries {
		return fmt.Errorf("the metadata table at byte %d does not begin with %q, or has more than %d entries: the file is damaged, take a whole copy", i.meta.at, metadataSignature, maxTableEntries)
	}
	found := map[*itemKind]*item{}
	for e := range int(h.EntryCount) {
		at := metadataLayout.Size() + e*itemLayout.Size()
		if err := i.readItem(e, itemLayout.Decode(i.metadata[at:]), found); err != nil {
			return fmt.Errorf("metadata entry %d at byte %d: %w", e, i.meta.at+int64(at), err)
		}
	}
	for k := range kinds {
		it := found[&kinds[k]]
		if it == nil {
			return fmt.Errorf("the metadata at byte %d have no %s: the file is damaged, take a whole copy", i.meta.at, kinds[k].name)
		}
		i.items = append(i.items, *it)
	}
	return i.checkItems()
}

func (i *Image) readItem(number int, e metadataEntry, found map[*itemKind]*item) error {
	var kind *itemKind
	for k := range kinds {
		if kinds[k].id == e.ItemID {
			kind = &kinds[k]
		}
	}
	switch {
	case kind == nil && e.ItemID == parentLocator:
		return errDifferencing
	case kind == nil && e.Flags&itemRequired != 0:
		return fmt.Errorf("it requires an item that is not known, %s: convert the image with Hyper-V's Convert-VHD", field.ShowGUID(e.ItemID[:]))
	case kind == nil:
		return nil
	case found[kind] != nil:
		return fmt.Errorf("it is the second %s: the file is damaged, take a whole copy", kind.name)
	}
	at := i.meta.at + int64(e.Offset)
	if int64(e.Length) < int64(kind.size) || int64(e.Offset)+int64(e.Length) > i.meta.length || at > i.file.Size()-int64(kind.size) {
		return fmt.Errorf("its %s at byte %d of %d bytes is too short or cut off: take a whole copy", kind.name, at, e.Length)
	}
	it := &item{kind: kind, entry: number, at: at, raw: make([]byte, kind.size)}
	if err := blockmap.ReadFull(i.file, it.raw, at); err != nil {
		return err
	}
	found[kind] = it
	return nil
}

var errDifferencing = errors.New("is a differencing VHDX (HasParent): it holds only what differs from its parent, join them with Hyper-V's Merge-VHD")

// The places of the items in Image.items.
const (
	parametersItem = iota
	diskSizeItem
	diskIDItem
	logicalSizeItem
)

// diskSize is VirtualDiskSize, in bytes.
func (i *Image) diskSize() int64 {
	return int64(sizeLayout.Decode(i.items[diskSizeItem].raw).Value)
}

func (i *Image) checkItems() error {
	i.params = paramLayout.Decode(i.items[parametersItem].raw)
	i.logicalSize = logicalLayout.Decode(i.items[logicalSizeItem].raw).Value
	size := binary.LittleEndian.Uint64(i.items[diskSizeItem].raw)
	block := i.params.BlockSize
	switch {
	case i.params.Flags&hasParent != 0:
		return errDifferencing
	case block < mib || block > maxBlockSize || block&(block-1) != 0:
		return fmt.Errorf("BlockSize at byte %d is %d, not a power of two of 1 MiB to 256 MiB: the file is damaged, take a whole copy", i.items[parametersItem].at, block)
	case i.logicalSize != 512 && i.logicalSize != 4096:
		return fmt.Errorf("LogicalSectorSize at byte %d is %d, neither 512 nor 4096: the file is damaged, take a whole copy", i.items[logicalSizeItem].at, i.logicalSize)
	case size == 0 || size > maxDiskSize || size%uint64(i.logicalSize) != 0:
		return fmt.Errorf("VirtualDiskSize at byte %d is %d, not a number of sectors of %d bytes up to 64 TiB: the file is damaged, take a whole copy", i.items[diskSizeItem].at, size, i.logicalSize)
	}
	return nil
}
