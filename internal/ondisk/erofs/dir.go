package erofs

import (
	"bytes"
	"strings"
)

// Entry is a name in a directory.
type Entry struct {
	Name   string
	NID    uint64 // the number of its inode
	Type   uint8  // as the entry says
	Offset int64  // of the entry in the directory's data, in bytes
	NameAt int64  // of the name, likewise
}

const (
	maxListing = 256 << 20 // bytes of one directory
	maxName    = 255       // bytes, EROFS_NAME_LEN
)

// ReadDir lists a directory, in its order, with "." and "..".
func (fs *FS) ReadDir(dir *Inode) ([]Entry, error) {
	if dir.Size > maxListing {
		return nil, wrong(dir.Offset, "a directory of %d bytes", dir.Size)
	}
	f, err := fs.OpenFile(dir)
	if err != nil {
		return nil, err
	}
	var out []Entry
	block := make([]byte, fs.BlockSize())
	for off := int64(0); off < dir.Size; off += fs.BlockSize() {
		b := block[:min(fs.BlockSize(), dir.Size-off)]
		if _, err := f.ReadAt(b, off); err != nil {
			return nil, err
		}
		if out, err = dirBlock(out, b, off, dir.Offset); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// dirBlock appends the entries of a block of a directory, which begins at byte
// off of it. inode is for messages.
func dirBlock(out []Entry, b []byte, off, inode int64) ([]Entry, error) {
	if len(b) < DirentSize {
		return nil, wrong(inode, "a directory block of %d bytes", len(b))
	}
	first := int(DirentLayout.Decode(b).NameOffset)
	if first == 0 || first%DirentSize != 0 || first > len(b) {
		return nil, wrong(inode, "the names of the directory's block at byte %d begin at %d of %d", off, first, len(b))
	}
	for i := 0; i < first; i += DirentSize {
		d := DirentLayout.Decode(b[i:])
		from, to := int(d.NameOffset), len(b)
		if i+DirentSize < first {
			to = int(DirentLayout.Decode(b[i+DirentSize:]).NameOffset)
		}
		if from < first || to < from || to > len(b) {
			return nil, wrong(inode, "a name from %d to %d in the directory's block at byte %d", from, to, off)
		}
		name := b[from:to]
		if i+DirentSize >= first { // the last may have zeros behind it
			if end := bytes.IndexByte(name, 0); end >= 0 {
				name = name[:end]
			}
		}
		if len(name) == 0 || len(name) > maxName || strings.ContainsAny(string(name), "/\x00") {
			return nil, wrong(inode, "the name %.300q in a directory", name)
		}
		out = append(out, Entry{Name: string(name), NID: d.NID, Type: d.FileType, Offset: off + int64(i), NameAt: off + int64(from)})
	}
	return out, nil
}

// maxTarget is PATH_MAX with room: bytes of a symbolic link.
const maxTarget = 64 << 10

// Readlink is a symbolic link's target.
func (fs *FS) Readlink(in *Inode) (string, error) {
	if in.Size > maxTarget {
		return "", wrong(in.Offset, "a symbolic link of %d bytes", in.Size)
	}
	if fs.small -= in.Size; fs.small < 0 {
		return "", wrong(in.Offset, "inodes share their targets so often that they are damaged")
	}
	f, err := fs.OpenFile(in)
	if err != nil {
		return "", err
	}
	b := make([]byte, in.Size)
	if len(b) == 0 {
		return "", nil
	}
	_, err = f.ReadAt(b, 0)
	return string(b), err
}
