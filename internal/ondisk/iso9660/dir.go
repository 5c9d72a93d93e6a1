package iso9660

import (
	"slices"
	"strconv"
	"strings"
)

// Root is the root directory's record, as the volume descriptor has it; a
// tree's own record in the root says more.
func (fs *FS) Root(t *Tree) (*Record, error) {
	b := make([]byte, recordFixed+1)
	if err := fs.readAt(b, t.root); err != nil {
		return nil, err
	}
	plain := *t
	plain.Rock = false
	r, err := fs.record(&plain, b, t.root)
	if err != nil {
		return nil, err
	}
	if !r.IsDir() {
		return nil, wrong(t.root, "the root is no directory")
	}
	return r, nil
}

// Raw reads one record of a directory at off; nil where no record begins
// there.
func (fs *FS) Raw(t *Tree, off int64) (*Record, error) {
	n := min(SectorSize-off%SectorSize, 255, fs.size-off)
	if n <= 0 {
		return nil, nil
	}
	b := make([]byte, n)
	if err := fs.readAt(b, off); err != nil {
		return nil, err
	}
	if b[0] == 0 {
		return nil, nil
	}
	if off == t.root {
		return fs.Root(t)
	}
	return fs.record(t, b, off)
}

// Locate finds the record that holds a byte of a directory: records do not
// cross sectors. It is nil for what no record holds.
func (fs *FS) Locate(t *Tree, off int64) (*Record, error) {
	b := make([]byte, SectorSize)
	start := off - off%SectorSize
	b = b[:min(SectorSize, fs.size-start)]
	if err := fs.readAt(b, start); err != nil {
		return nil, err
	}
	for at := 0; at < len(b) && b[at] != 0; at += int(b[at]) {
		if int(off-start) < at+int(b[at]) {
			return fs.record(t, b[at:], start+int64(at))
		}
	}
	return nil, nil
}

// Listing is what a directory holds.
type Listing struct {
	Ranges  []Range
	Self    *Record
	Parent  *Record
	Records []*Record // in the directory's order
}

// ReadDir lists a directory. A file of several extents is one record.
func (fs *FS) ReadDir(t *Tree, dir *Record) (Listing, error) {
	l := Listing{Ranges: slices.Clone(dir.Extents)}
	if dir.child != 0 {
		// The directory was moved because it was too deep: its size stands
		// in its own first record.
		r, err := fs.Raw(t, int64(dir.child)*fs.block)
		if err != nil {
			return l, err
		}
		if r == nil || !r.Self() {
			return l, wrong(int64(dir.child)*fs.block, "no directory where CL points")
		}
		l.Ranges = r.Extents
	}
	names := map[string]bool{}
	for _, rg := range l.Ranges {
		if rg.Start < 0 || rg.End() > fs.size {
			return l, wrong(dir.Offset, "a directory from byte %d to %d of an image of %d", rg.Start, rg.End(), fs.size)
		}
		if fs.budget -= rg.Length; fs.budget < 0 {
			return l, wrong(dir.Offset, "more directories than the image can hold")
		}
		if err := fs.readRange(t, rg, &l, names); err != nil {
			return l, err
		}
	}
	return l, nil
}

func (fs *FS) readRange(t *Tree, rg Range, l *Listing, names map[string]bool) error {
	buf := make([]byte, SectorSize)
	for at := rg.Start; at < rg.End(); {
		n := min(SectorSize-at%SectorSize, rg.End()-at)
		b := buf[:n]
		if err := fs.readAt(b, at); err != nil {
			return err
		}
		for len(b) > 0 && b[0] != 0 {
			r, err := fs.record(t, b, at+n-int64(len(b)))
			if err != nil {
				return err
			}
			b = b[r.Length:]
			if err := l.add(r, names); err != nil {
				return err
			}
		}
		at += n
	}
	return nil
}

// add enters a record into the listing.
func (l *Listing) add(r *Record, names map[string]bool) error {
	switch {
	case r.Self():
		l.Self = r
		return nil
	case r.Parent():
		l.Parent = r
		return nil
	case r.moved:
		return nil
	}
	if n := len(l.Records); n > 0 {
		last := l.Records[n-1]
		if last.ID == r.ID && last.Flags&flagMultiExtent != 0 {
			last.Extents = append(last.Extents, r.Extents...)
			last.Size += r.Size
			last.Flags = r.Flags
			return nil
		}
	}
	if r.Name == "" || r.Name == "." || r.Name == ".." || strings.ContainsAny(r.Name, "/\x00") {
		return wrong(r.Offset, "the name %q in a directory", r.Name)
	}
	if names[r.Name] && !r.Rock { // versions of a file, or one associated with it
		r.Name = strconv.Quote(r.ID)
	}
	if names[r.Name] {
		return wrong(r.Offset, "the name %q twice in a directory", r.Name)
	}
	names[r.Name] = true
	l.Records = append(l.Records, r)
	return nil
}

// ReadContent reads len(p) bytes at off of what the record's extents hold.
func (fs *FS) ReadContent(r *Record, p []byte, off int64) error {
	for _, e := range r.Extents {
		if len(p) == 0 {
			return nil
		}
		if off >= e.Length {
			off -= e.Length
			continue
		}
		n := min(int64(len(p)), e.Length-off)
		if err := fs.readAt(p[:n], e.Start+off); err != nil {
			return err
		}
		p, off = p[n:], 0
	}
	if len(p) > 0 {
		return wrong(r.Offset, "a read beyond the end of %q", r.Name)
	}
	return nil
}
