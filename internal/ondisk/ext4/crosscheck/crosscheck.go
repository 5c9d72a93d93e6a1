package crosscheck

import (
	"encoding/hex"
	"fmt"
	"io"
	"reflect"
	"strings"

	other "github.com/dsoprea/go-ext4"

	"github.com/reprodisk/reprodisk/internal/ondisk/ext4"
	"github.com/reprodisk/reprodisk/internal/ondisk/field"
)

// Mismatch is a field that the two readers see differently.
type Mismatch struct {
	Structure string // "superblock", "group descriptor" or "inode"
	Number    uint32 // of the group or inode
	Field     string
	Offset    int64 // of the field, in bytes from the volume's start
	Ours      string
	Theirs    string
}

func (m Mismatch) String() string {
	return fmt.Sprintf("%s %d: %s at byte %d: %s here, %s there", m.Structure, m.Number, m.Field, m.Offset, m.Ours, m.Theirs)
}

// Result is what the comparison found.
type Result struct {
	Mismatches          []Mismatch
	Fields              int // compared
	Descriptors, Inodes int // compared
}

// maxInodes is how many inodes are compared, from the root on: the library
// reads them one by one.
const maxInodes = 20000

// CrossCheck compares the filesystem fs, which was opened from r. An error
// says that the library refuses the filesystem as a whole, and why.
func CrossCheck(r io.ReaderAt, fs *ext4.FS) (Result, error) {
	var res Result
	size := fs.Size()
	raw := make([]byte, ext4.SuperblockSize)
	at := fs.SuperblockOffset()
	if _, err := r.ReadAt(raw, at); err != nil {
		return res, fmt.Errorf("ext4 cross-check: read superblock at byte %d: %w", at, err)
	}
	sb, err := other.NewSuperblockWithReader(io.NewSectionReader(r, at, size-at))
	if err != nil {
		return res, fmt.Errorf("ext4 cross-check: the superblock at byte %d is refused: %s", at, firstLine(err))
	}
	res.compare("superblock", 0, at, raw, ext4.SuperblockLayout.Fields(), sb.Data())

	ours := fs.Superblock()
	if !ours.HasIncompat(ext4.Incompat64bit) || fs.DescSize() != other.BlockGroupDescriptorSize {
		return res, nil // it would read two descriptors for one
	}
	groups := make([]*other.BlockGroupDescriptor, fs.Groups())
	for g := range fs.Groups() {
		off := fs.GroupOffset(g)
		d, err := other.NewBlockGroupDescriptorWithReader(io.NewSectionReader(r, off, size-off), sb)
		if err != nil {
			return res, fmt.Errorf("ext4 cross-check: group descriptor %d at byte %d is refused: %s", g, off, firstLine(err))
		}
		res.compare("group descriptor", g, off, fs.RawGroup(g), ext4.GroupDescLayout.Fields(), d.Data())
		res.Descriptors++
		groups[g] = d
	}
	if fs.InodeSize() < ext4.InodeLayout.Size() {
		return res, nil // it would read past the inode
	}
	rs := io.NewSectionReader(r, 0, size)
	seen := map[uint32]bool{}
	_, err = fs.Walk(func(e ext4.Entry) error {
		// It refuses inodes without extents, and hashed directories.
		flags := e.Raw.Flags()
		if flags&ext4.InodeExtents == 0 || flags&ext4.InodeIndex != 0 || seen[e.Number] || len(seen) >= maxInodes {
			return nil
		}
		seen[e.Number] = true
		g := groups[(e.Number-1)/ours.InodesPerGroup]
		in, err := other.NewInodeWithReadSeeker(g, rs, int(e.Number))
		if err != nil {
			return fmt.Errorf("ext4 cross-check: inode %d at byte %d is refused: %s", e.Number, e.Offset, firstLine(err))
		}
		res.compare("inode", e.Number, e.DiskInode.Offset, e.Raw, ext4.InodeLayout.Fields(), in.Data())
		res.Inodes++
		return nil
	})
	return res, err
}

// firstLine cuts off the stack trace that the library's errors carry.
func firstLine(err error) string {
	s, _, _ := strings.Cut(err.Error(), "\n")
	return s
}

// theirNames are fields that the library calls otherwise, or groups.
var theirNames = map[string]string{
	"osd1": "iversion",
}

// compare holds our fields, read from raw by their layout, against theirs,
// read by their own declaration and matched by name without '_' and case.
func (res *Result) compare(structure string, number uint32, off int64, raw []byte, fields []field.Field, theirs any) {
	v := reflect.ValueOf(theirs).Elem()
	values := make(map[string]reflect.Value, v.NumField())
	for i := range v.NumField() {
		name := strings.ToLower(v.Type().Field(i).Name)
		if n, ok := theirNames[name]; ok {
			name = n
		}
		values[name] = v.Field(i)
	}
	for _, f := range fields {
		if f.Kind == field.Reserved || f.End() > len(raw) {
			continue // the library knows fewer fields, and more reserved bytes
		}
		their, ok := values[strings.ReplaceAll(f.Name, "_", "")]
		if !ok {
			continue
		}
		res.Fields++
		ours := hex.EncodeToString(f.Slice(raw))
		if t := bytesOf(their); t != ours {
			res.Mismatches = append(res.Mismatches, Mismatch{structure, number, f.Name, off + int64(f.Offset), ours, t})
		}
	}
}

// bytesOf is a value's bytes in hexadecimal, little endian as on disk.
func bytesOf(v reflect.Value) string {
	if v.Kind() == reflect.Array {
		var b strings.Builder
		for i := range v.Len() {
			b.WriteString(bytesOf(v.Index(i)))
		}
		return b.String()
	}
	var n uint64
	if v.CanInt() {
		n = uint64(v.Int())
	} else {
		n = v.Uint()
	}
	b := make([]byte, v.Type().Size())
	for i := range b {
		b[i] = byte(n >> (8 * i))
	}
	return hex.EncodeToString(b)
}
