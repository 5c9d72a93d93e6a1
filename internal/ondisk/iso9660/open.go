package iso9660

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
)

// Descriptor is a volume descriptor.
type Descriptor struct {
	Offset int64 // bytes
	Type   uint8
	Raw    []byte // SectorSize bytes
}

// Name says which descriptor it is.
func (d Descriptor) Name() string {
	switch d.Type {
	case BootType:
		return "boot record"
	case PrimaryType:
		return "primary volume descriptor"
	case SupplementaryType:
		return "supplementary volume descriptor"
	case PartitionType:
		return "volume partition descriptor"
	case TerminatorType:
		return "volume descriptor set terminator"
	}
	return fmt.Sprintf("volume descriptor of type %d", d.Type)
}

// Fields are the descriptor's fields.
func (d Descriptor) Fields() []field.Field {
	switch d.Type {
	case BootType:
		return bootLayout.Fields()
	case PrimaryType, SupplementaryType:
		return volumeLayout.Fields()
	}
	return otherLayout.Fields()
}

// joliet tells whether a descriptor is that of a Joliet tree, by its escape
// sequence.
func (d Descriptor) joliet() bool {
	if d.Type != SupplementaryType {
		return false
	}
	v := volumeLayout.Decode(d.Raw)
	return v.Escape[0] == '%' && v.Escape[1] == '/' && slices.Contains([]byte("@CE"), v.Escape[2])
}

// Area is a range of bytes that is neither a directory's nor a file's.
type Area struct {
	Name       string // "type L path table", "boot catalog"
	Start, End int64
}

// Tree is one of the trees that a filesystem may have over the same files.
type Tree struct {
	Name   string // "primary" or "joliet"
	Joliet bool
	Rock   bool // it has Rock Ridge fields
	root   int64
	skip   int // bytes to pass over in every record's system use
}

// FS is an ISO 9660 filesystem that is read.
type FS struct {
	r           io.ReaderAt
	size        int64
	block       int64
	descriptors []Descriptor
	trees       []*Tree
	budget      int64 // bytes of directories that may still be read
}

// Open reads the volume descriptors of the filesystem in the first size bytes
// of r.
func Open(r io.ReaderAt, size int64) (*FS, error) {
	fs := &FS{r: r, size: size, budget: 8*size + 1<<20}
	for i := 0; ; i++ {
		d := Descriptor{Offset: SystemArea + int64(i)*SectorSize, Raw: make([]byte, SectorSize)}
		if err := fs.readAt(d.Raw, d.Offset); err != nil {
			return nil, err
		}
		if string(d.Raw[1:6]) != standardID {
			return nil, wrong(d.Offset, "no volume descriptor: %q instead of %q", d.Raw[1:6], standardID)
		}
		d.Type = d.Raw[0]
		fs.descriptors = append(fs.descriptors, d)
		if d.Type == TerminatorType {
			break
		}
		if i == maxSectors {
			return nil, wrong(d.Offset, "more than %d volume descriptors", maxSectors)
		}
	}
	for _, d := range fs.descriptors {
		if d.Type == PrimaryType && fs.block == 0 {
			v := volumeLayout.Decode(d.Raw)
			fs.block = int64(le.Uint16(v.BlockSize[:]))
			if fs.block != 512 && fs.block != 1024 && fs.block != 2048 {
				return nil, wrong(d.Offset+128, "logical blocks of %d bytes", fs.block)
			}
			t := &Tree{Name: "primary", root: d.Offset + rootOffset}
			fs.trees = append(fs.trees, t)
		}
	}
	if fs.block == 0 {
		return nil, wrong(SystemArea, "no primary volume descriptor")
	}
	for _, d := range fs.descriptors {
		if d.joliet() && len(fs.trees) == 1 {
			fs.trees = append(fs.trees, &Tree{Name: "joliet", Joliet: true, root: d.Offset + rootOffset})
		}
	}
	return fs, fs.findRock(fs.trees[0])
}

// rootOffset is where the root's record stands in a volume descriptor.
const rootOffset = 156

// Descriptors lists the volume descriptors, in their order.
func (fs *FS) Descriptors() []Descriptor { return fs.descriptors }

// Trees lists the trees, the primary one first.
func (fs *FS) Trees() []*Tree { return fs.trees }

// Best is the tree that says most about its files: Rock Ridge's, else
// Joliet's, else the plain one.
func (fs *FS) Best() *Tree {
	if !fs.trees[0].Rock && len(fs.trees) > 1 {
		return fs.trees[1]
	}
	return fs.trees[0]
}

// Areas lists the path tables, the boot catalog and the block in which
// mkisofs writes its version, in no order.
func (fs *FS) Areas() []Area {
	var out []Area
	add := func(name string, block uint32, length int64) {
		start := int64(block) * fs.block
		if block != 0 && start < fs.size {
			out = append(out, Area{name, start, min(start+length, fs.size)})
		}
	}
	for _, d := range fs.descriptors {
		switch d.Type {
		case BootType:
			if b := bootLayout.Decode(d.Raw); string(b.SystemID[:23]) == "EL TORITO SPECIFICATION" {
				add("boot catalog", b.Catalog, SectorSize)
			}
		case PrimaryType, SupplementaryType:
			v := volumeLayout.Decode(d.Raw)
			size := int64(both32(v.PathTableSize[:]))
			add("type L path table", le.Uint32(v.TypeL[:]), size)
			add("type L path table", le.Uint32(v.OptTypeL[:]), size)
			add("type M path table", be.Uint32(v.TypeM[:]), size)
			add("type M path table", be.Uint32(v.OptTypeM[:]), size)
		case TerminatorType:
			b := make([]byte, 4)
			at := d.Offset + SectorSize
			if fs.readAt(b, at) == nil && string(b) == "MKI " {
				out = append(out, Area{"mkisofs version", at, min(at+SectorSize, fs.size)})
			}
		}
	}
	return out
}

// readAt reads bytes of the filesystem.
func (fs *FS) readAt(b []byte, off int64) error {
	if off < 0 || int64(len(b)) > fs.size || off > fs.size-int64(len(b)) {
		return wrong(off, "%d bytes here would be outside of the image's %d", len(b), fs.size)
	}
	n, err := fs.r.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return wrong(off, "the image ends before %d bytes", len(b))
	}
	return fmt.Errorf("iso9660: byte %d: %w", off, err)
}
