package squashfs

import "strings"

// Entry is a name in a directory.
type Entry struct {
	Name string
	ref  uint64 // of its inode
}

const (
	dirExtra    = 3         // dir_inode.file_size counts these bytes for "." and ".."
	maxName     = 256       // SQUASHFS_NAME_LEN
	maxInHeader = 256       // SQUASHFS_DIR_COUNT
	maxListing  = 256 << 20 // bytes of one directory's listing
	maxEntries  = 1 << 20   // of one directory
)

// ReadDir lists a directory, in its order, which is that of the names' bytes.
func (fs *FS) ReadDir(dir *Inode) ([]Entry, error) {
	if dir.dirSize <= dirExtra {
		return nil, nil
	}
	at := int64(fs.sb.DirectoryTableStart) + int64(dir.dirBlock)
	r, err := fs.metaFrom(at, int(dir.dirOffset))
	if err != nil {
		return nil, err
	}
	if dir.dirSize > maxListing {
		return nil, wrong(dir.Offset, "a directory of %d bytes", dir.dirSize)
	}
	var out []Entry
	for left := int64(dir.dirSize) - dirExtra; left > 0; {
		b, err := r.take(12)
		if err != nil {
			return nil, err
		}
		left -= 12
		count, block := le.Uint32(b), le.Uint32(b[4:])
		if count >= maxInHeader {
			return nil, wrong(r.at, "a directory header with %d entries", uint64(count)+1)
		}
		for range count + 1 {
			if b, err = r.take(8); err != nil {
				return nil, err
			}
			offset, n := le.Uint16(b), int(le.Uint16(b[6:]))+1
			if n > maxName {
				return nil, wrong(r.at, "a name of %d bytes", n)
			}
			if b, err = r.take(n); err != nil {
				return nil, err
			}
			left -= 8 + int64(n)
			name := string(b)
			if name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
				return nil, wrong(r.at, "the name %q in a directory", name)
			}
			if len(out) > 0 && out[len(out)-1].Name >= name {
				return nil, wrong(r.at, "names out of order: %q before %q", out[len(out)-1].Name, name)
			}
			if len(out) == maxEntries {
				return nil, wrong(dir.Offset, "a directory of more than %d entries", maxEntries)
			}
			out = append(out, Entry{name, uint64(block)<<16 | uint64(offset)})
		}
		if left < 0 {
			return nil, wrong(r.at, "a directory's entries go beyond its size")
		}
	}
	return out, nil
}

// Inode is what an entry names.
func (fs *FS) Inode(e Entry) (*Inode, error) { return fs.inode(e.ref) }
