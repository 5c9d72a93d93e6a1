package iso9660

import (
	"strings"
	"unicode/utf16"

	"github.com/reprodisk/reprodisk/internal/tree"
)

// Range is a range of bytes of the filesystem.
type Range struct{ Start, Length int64 }

// End is the offset of the first byte behind the range.
func (r Range) End() int64 { return r.Start + r.Length }

// Part is a named range of bytes of a record.
type Part struct {
	Name       string
	Start, End int64
}

// Stamp is a named time of a record, stored at byte Offset.
type Stamp struct {
	Name   string
	Time   tree.Time
	Offset int64
}

// Record is a directory record, with what its system use fields say.
type Record struct {
	Offset   int64  // of the record in the filesystem
	Length   int    // bytes
	ID       string // the identifier as stored; "\x00" is the directory itself, "\x01" its parent
	Name     string // as a person sees it: Rock Ridge's, Joliet's, or the identifier without its version
	Flags    uint8
	Unit     uint8 // file_unit_size: not 0 for an interleaved file
	Size     int64
	Extents  []Range   // where the content lies, in order
	Date     tree.Time // when it was recorded
	Rock     bool      // it has PX
	Mode     uint32    // type and permissions; without PX only the type counts
	Links    uint32    // PX
	UID, GID uint32    // PX
	Serial   uint32    // PX, where it has one: the inode number
	Stamps   []Stamp   // TF
	Target   string    // SL
	Rdev     [2]uint32 // PN
	Other    []Other   // fields that are compared as they are: AL, ZF, …
	Parts    []Part    // every byte of the record and its continuation areas
	Areas    []Range   // continuation areas
	moved    bool      // RE: the record of a directory that CL shows elsewhere
	child    uint32    // CL: where the directory really is
}

// Other is a system use field without a meaning known here.
type Other struct {
	Name  string
	Value []byte
}

// IsDir tells whether the record is a directory's.
func (r *Record) IsDir() bool { return r.Flags&flagDirectory != 0 || r.child != 0 }

// Self and Parent tell the records with which a directory begins.
func (r *Record) Self() bool   { return r.ID == "\x00" }
func (r *Record) Parent() bool { return r.ID == "\x01" }

// record reads the record at off, of which at most length bytes are there.
func (fs *FS) record(t *Tree, b []byte, off int64) (*Record, error) {
	if len(b) < recordFixed+1 || int(b[0]) > len(b) || b[0] < recordFixed+1 {
		return nil, wrong(off, "a directory record of %d bytes in %d", b[0], len(b))
	}
	b = b[:b[0]]
	h := recordLayout.Decode(b)
	if recordFixed+int(h.NameLen) > len(b) || h.NameLen == 0 {
		return nil, wrong(off, "a name of %d bytes in a directory record of %d", h.NameLen, len(b))
	}
	r := &Record{
		Offset: off, Length: len(b), ID: string(b[recordFixed:][:h.NameLen]), Flags: h.Flags, Unit: h.FileUnitSize,
		Size: int64(both32(h.Size[:])), Date: shortTime(h.Date[:]), Mode: tree.Regular,
	}
	if r.Flags&flagDirectory != 0 {
		r.Mode = tree.Directory
	}
	start := (int64(both32(h.Extent[:])) + int64(h.ExtAttr)) * fs.block
	if r.Size > 0 {
		r.Extents = []Range{{start, r.Size}}
	}
	for _, f := range recordLayout.Fields() {
		r.Parts = append(r.Parts, Part{f.Name, off + int64(f.Offset), off + int64(f.End())})
	}
	end := recordFixed + int(h.NameLen)
	r.Parts = append(r.Parts, Part{"name", off + recordFixed, off + int64(end)})
	if h.NameLen%2 == 0 && end < len(b) {
		r.Parts = append(r.Parts, Part{"padding", off + int64(end), off + int64(end) + 1})
		end++
	}
	r.Name = t.plainName(r.ID)
	if t.Rock {
		if err := fs.systemUse(r, b[min(end+t.skip, len(b)):], off+int64(min(end+t.skip, len(b)))); err != nil {
			return nil, err
		}
	} else if end < len(b) {
		r.Parts = append(r.Parts, Part{"system_use", off + int64(end), off + int64(len(b))})
	}
	return r, nil
}

// plainName is an identifier without the version of a file.
func (t *Tree) plainName(id string) string {
	if t.Joliet && len(id) > 1 {
		u := make([]uint16, len(id)/2)
		for i := range u {
			u[i] = be.Uint16([]byte(id[2*i : 2*i+2]))
		}
		id = string(utf16.Decode(u))
	}
	if i := strings.LastIndexByte(id, ';'); i > 0 {
		id = id[:i]
	}
	if !t.Joliet && len(id) > 1 {
		id = strings.TrimSuffix(id, ".")
	}
	return id
}

// Part is the named range of the record that holds a byte.
func (r *Record) Part(off int64) Part {
	for _, p := range r.Parts {
		if off >= p.Start && off < p.End {
			return p
		}
	}
	return Part{"system_use", off, off + 1}
}
