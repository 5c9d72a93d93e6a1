package vmdk

import (
	"errors"
	"fmt"
	"sort"

	"github.com/reprodisk/reprodisk/internal/ondisk/blockmap"
	"github.com/reprodisk/reprodisk/internal/ondisk/container"
)

// Image is an opened VMDK. It is safe for concurrent use.
type Image struct {
	file       container.Disk
	descriptor *descriptor
	embedded   bool // the descriptor lies inside the only extent
	parts      []part
	others     []container.Disk // files beside file, to be closed
	size       int64
	warnings   []string
}

// part is an extent's place in the disk.
type part struct {
	start, size int64 // bytes of the disk
	sparse      *sparse
	flat        container.Disk // nil with sparse nil: zeros
	place       int64          // of a flat extent, bytes of its file
}

var _ container.Image = (*Image)(nil)

// Open reads the descriptor and the tables of the VMDK in file, which the
// image takes over; where there is an error, closing it is left to the caller.
// Files beside it, where its descriptor names some, are opened in folder,
// which may be nil where there is none.
func Open(file container.Disk, folder Folder) (*Image, error) {
	i := &Image{file: file}
	head := make([]byte, min(8, file.Size()))
	if err := blockmap.ReadFull(file, head, 0); err != nil {
		return nil, fmt.Errorf("VMDK: %w", err)
	}
	var err error
	if len(head) == 8 && (string(head[:4]) == Magic || string(head[:4]) == magicCOWD || string(head) == magicSESparse) {
		err = i.openMonolithic()
	} else {
		err = i.openDescriptor(folder)
	}
	if err != nil {
		i.closeOthers()
		return nil, err
	}
	return i, nil
}

// openMonolithic opens a sparse extent with its descriptor inside.
func (i *Image) openMonolithic() error {
	s, err := openSparse(i.file)
	if err != nil {
		return err
	}
	text, err := s.descriptorText()
	if err != nil {
		return err
	}
	if text == nil {
		return errors.New("is one extent of a VMDK without the descriptor: open the descriptor's file, which lies beside it")
	}
	if i.descriptor, err = parseDescriptor(text, int64(HeaderLayout.Decode(s.raw).DescriptorOffset)*sector); err != nil {
		return err
	}
	if err := i.descriptor.check(); err != nil {
		return err
	}
	if n := len(i.descriptor.extents); n > 1 {
		return fmt.Errorf("the descriptor at byte %d lists %d extents inside of one: mend it, or convert the image with `qemu-img convert`", i.descriptor.at, n)
	}
	i.embedded = true
	i.warnings = s.warnings
	i.parts = []part{{size: s.size(), sparse: s}}
	i.size = s.size()
	return nil
}

// openDescriptor opens a descriptor's file and the extents that it lists.
func (i *Image) openDescriptor(folder Folder) error {
	n := i.file.Size()
	if n > maxDescriptor {
		return fmt.Errorf("the descriptor has %d bytes, none has more than %d: this is no VMDK, or a damaged one", n, maxDescriptor)
	}
	text := make([]byte, n)
	if err := blockmap.ReadFull(i.file, text, 0); err != nil {
		return fmt.Errorf("VMDK descriptor: %w", err)
	}
	var err error
	if i.descriptor, err = parseDescriptor(text, 0); err != nil {
		return err
	}
	if err := i.descriptor.check(); err != nil {
		return err
	}
	if len(i.descriptor.extents) == 0 {
		return errors.New("the descriptor lists no extents: mend it, it says what the disk is made of")
	}
	opened := map[string]container.Disk{}
	for number, e := range i.descriptor.extents {
		p, err := i.openExtent(e, folder, opened)
		if err != nil {
			return fmt.Errorf("extent %d of the descriptor (byte %d): %w", number+1, e.at, err)
		}
		p.start = i.size
		i.size += p.size
		i.parts = append(i.parts, p)
	}
	return nil
}

// openExtent opens a line's extent. A file that several lines name is opened
// once.
func (i *Image) openExtent(e extentLine, folder Folder, opened map[string]container.Disk) (part, error) {
	p := part{size: e.sectors * sector}
	switch {
	case e.access == "NOACCESS":
		return p, errors.New("it is of access NOACCESS: it cannot be read")
	case e.kind == "ZERO":
		return p, nil
	case e.kind != "FLAT" && e.kind != "VMFS" && e.kind != "SPARSE":
		return p, fmt.Errorf("its type %s is not read: convert the image with `qemu-img convert -O raw`", quote(e.kind))
	}
	if err := plainName(e.name); err != nil {
		return p, err
	}
	f := opened[e.name]
	if f == nil {
		if folder == nil {
			return p, fmt.Errorf("it lies in another file, %s, which is not to be had from here: decompress the image and its extents first", quote(e.name))
		}
		var err error
		if f, err = folder(e.name); err != nil {
			return p, fmt.Errorf("file %s beside the descriptor: %w", quote(e.name), err)
		}
		i.others = append(i.others, f)
		opened[e.name] = f
	}
	if e.kind != "SPARSE" {
		p.flat, p.place = f, e.offset*sector
		if p.place > f.Size()-p.size {
			return p, fmt.Errorf("file %s has %d bytes, the extent ends at byte %d: it is cut off, take a whole copy", quote(e.name), f.Size(), p.place+p.size)
		}
		return p, nil
	}
	s, err := openSparse(f)
	if err != nil {
		return p, fmt.Errorf("file %s: %w", quote(e.name), err)
	}
	for _, w := range s.warnings {
		i.warnings = append(i.warnings, fmt.Sprintf("file %s: %s", quote(e.name), w))
	}
	if s.size() != p.size {
		i.warnings = append(i.warnings, fmt.Sprintf("file %s holds %d sectors, the descriptor says %d: the file is believed", quote(e.name), s.header.Capacity, e.sectors))
	}
	p.sparse, p.size = s, s.size()
	return p, nil
}

// Size is the disk's length in bytes.
func (i *Image) Size() int64 { return i.size }

// find is the index of the part that holds byte off, which is on the disk.
func (i *Image) find(off int64) int {
	return sort.Search(len(i.parts), func(n int) bool { return i.parts[n].start+i.parts[n].size > off })
}

// ReadAt reads the disk.
func (i *Image) ReadAt(b []byte, off int64) (int, error) {
	return blockmap.Read(b, off, i.size, func(b []byte, off int64) (int64, error) {
		p := &i.parts[i.find(off)]
		off -= p.start
		b = b[:min(int64(len(b)), p.size-off)]
		switch {
		case p.sparse != nil:
			return p.sparse.read(b, off)
		case p.flat != nil:
			return int64(len(b)), blockmap.ReadFull(p.flat, b, p.place+off)
		}
		clear(b)
		return int64(len(b)), nil
	})
}

// NextData is the next range that may hold anything but zeros.
func (i *Image) NextData(off int64) (start, end int64, err error) {
	off = max(off, 0)
	for n := i.find(off); n < len(i.parts); n++ {
		p := &i.parts[n]
		in := max(off-p.start, 0)
		switch {
		case p.sparse != nil:
			start, end, err = p.sparse.nextData(in)
		case p.flat != nil:
			start, end, err = p.flat.NextData(p.place + in)
			start, end = start-p.place, end-p.place
		default:
			continue
		}
		if err != nil {
			return 0, 0, err
		}
		if end = min(end, p.size); start < end {
			return p.start + start, p.start + end, nil
		}
	}
	return i.size, i.size, nil
}

// Close closes all files of the image.
func (i *Image) Close() error {
	return errors.Join(i.file.Close(), i.closeOthers())
}

func (i *Image) closeOthers() error {
	var errs []error
	for _, f := range i.others {
		errs = append(errs, f.Close())
	}
	i.others = nil
	return errors.Join(errs...)
}

// Format is "vmdk".
func (i *Image) Format() string { return "vmdk" }

// Warnings lists what is damaged or doubtful.
func (i *Image) Warnings() []string { return i.warnings }
