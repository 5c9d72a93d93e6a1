package ext4

import (
	"strconv"

	"github.com/reprodisk/reprodisk/internal/tree"
)

// Dirent is an entry of a directory, "." and ".." included.
type Dirent struct {
	Inode  uint32
	Type   uint8  // file_type; FtUnknown where the filesystem does not store it
	Name   []byte // as stored; valid during the call only
	Offset int64  // of the entry, in bytes from the volume's start
	Block  uint64 // logical block of the directory; 0 for inline data
}

// dirChunk is how much of a directory is read at once, in bytes.
const dirChunk = 256 << 10

// ReadDir calls visit for every entry of a directory in the order of its
// blocks, whether they are hashed or not: the index of a hashed directory
// hides from linear reading by design. An error of visit ends it and is
// returned; what is damaged is listed as problems.
func (fs *FS) ReadDir(d DiskInode, visit func(Dirent) error) ([]*Problem, error) {
	var ps problems
	budget := fs.blocks
	err := fs.readDir(d, &ps, &budget, visit)
	return ps.done(), err
}

// maxBadBlocks is how many blocks in a row may be no directory blocks at all
// before the rest of a directory is given up.
const maxBadBlocks = 64

// readDir reads at most *budget blocks, which it counts down. The blocks of a
// sound volume each belong to one directory, but a crafted one can make every
// inode a directory of all its blocks.
func (fs *FS) readDir(d DiskInode, ps *problems, budget *uint64, visit func(Dirent) error) error {
	if d.Raw.Type() != tree.Directory {
		return problemf(d.Offset, "inode %d is no directory", d.Number)
	}
	if d.Raw.Flags()&InodeInlineData != 0 {
		return fs.readInlineDir(d, ps, visit)
	}
	m := fs.Map(d)
	for _, p := range m.Problems {
		ps.add(p.Offset, "%s", p.Text)
	}
	bs := uint64(fs.blockSize)
	end := (d.Raw.Size() + bs - 1) / bs
	var buf []byte
	bad := 0
	for _, run := range m.Runs {
		if run.Logical >= end {
			break
		}
		if run.Unwritten {
			ps.add(d.Offset, "inode %d: directory block %d is not written", d.Number, run.Logical)
			continue
		}
		left := min(run.Blocks, end-run.Logical)
		for done := uint64(0); done < left; {
			n := min(left-done, max(1, dirChunk/bs))
			if n > *budget {
				ps.add(d.Offset, "inode %d: directories take more blocks than the volume's %d; not read further", d.Number, fs.blocks)
				return nil
			}
			*budget -= n
			if need := int(n * bs); len(buf) < need {
				buf = make([]byte, need)
			}
			part := buf[:n*bs]
			off := int64(run.Physical+done) * fs.blockSize
			if err := fs.readAt(part, off); err != nil {
				ps.add(off, "inode %d: directory block %d cannot be read: %s", d.Number, run.Logical+done, text(err))
				if n == 1 {
					done++
					continue
				}
				part, n = part[:bs], 1
				if err := fs.readAt(part, off); err != nil {
					done++
					continue
				}
			}
			for i := uint64(0); i < n; i++ {
				block := part[i*bs : (i+1)*bs]
				at := off + int64(i*bs)
				broken := false
				err := fs.eachDirent(block, func(o int, ino uint32, ft uint8, name []byte) error {
					return visit(Dirent{Inode: ino, Type: ft, Name: name, Offset: at + int64(o), Block: run.Logical + done + i})
				}, func(o int, what string) {
					broken = o == 0
					ps.add(at+int64(o), "inode %d: directory block %d: %s", d.Number, run.Logical+done+i, what)
				})
				if err != nil {
					return err
				}
				if !broken {
					bad = 0
				} else if bad++; bad == maxBadBlocks {
					ps.add(at, "inode %d: %d blocks in a row are no directory blocks; not read further", d.Number, bad)
					return nil
				}
			}
			done += n
		}
	}
	return nil
}

// readInlineDir reads a directory that is kept in its inode: the number of
// the directory above, then entries in what is left of i_block, then more of
// them in the attribute system.data.
func (fs *FS) readInlineDir(d DiskInode, ps *problems, visit func(Dirent) error) error {
	block := d.Raw.Block()
	at := d.Offset + int64(offBlock)
	if err := visit(Dirent{Inode: d.Number, Type: FtDir, Name: []byte("."), Offset: d.Offset}); err != nil {
		return err
	}
	if err := visit(Dirent{Inode: le.Uint32(block), Type: FtDir, Name: []byte(".."), Offset: at}); err != nil {
		return err
	}
	part := func(b []byte, at int64) error {
		return fs.eachDirent(b, func(o int, ino uint32, ft uint8, name []byte) error {
			return visit(Dirent{Inode: ino, Type: ft, Name: name, Offset: at + int64(o)})
		}, func(o int, what string) {
			ps.add(at+int64(o), "inode %d: inline directory: %s", d.Number, what)
		})
	}
	if err := part(block[4:min(uint64(len(block)), max(4, d.Raw.Size()))], at+4); err != nil {
		return err
	}
	var err error
	fs.eachXattr(d, ps, func(e xattrSlot, place XattrPlace) {
		if e.index == XattrIndexSystem && string(e.name) == "data" && place == InInode && err == nil {
			err = part(e.value, e.offset+int64(e.start-e.entry))
		}
	})
	return err
}

// eachDirent calls visit for the entries in use of a directory block, and
// damaged for what cannot be an entry.
func (fs *FS) eachDirent(b []byte, visit func(off int, ino uint32, ft uint8, name []byte) error, damaged func(off int, what string)) error {
	filetype := fs.sb.HasIncompat(IncompatFiletype)
	for pos := 0; pos < len(b); {
		if pos+DirEntryHeaderSize > len(b) {
			damaged(pos, "an entry reaches beyond the end")
			return nil
		}
		ino := le.Uint32(b[pos:])
		rec := DecodeRecLen(le.Uint16(b[pos+4:]), int(fs.blockSize))
		n, ft := int(b[pos+6]), b[pos+7]
		if rec < DirEntryHeaderSize || rec%4 != 0 || pos+rec > len(b) {
			damaged(pos, "rec_len is "+strconv.Itoa(rec))
			return nil
		}
		if !filetype {
			n |= int(ft) << 8
			ft = FtUnknown
		}
		if ino != 0 {
			switch {
			case DirEntryHeaderSize+n > rec || n > MaxNameLen:
				damaged(pos, "name_len is "+strconv.Itoa(n)+" with rec_len "+strconv.Itoa(rec))
			case n == 0:
				damaged(pos, "an entry has no name")
			default:
				name := b[pos+DirEntryHeaderSize : pos+DirEntryHeaderSize+n]
				if err := visit(pos, ino, ft&0x0f, name); err != nil {
					return err
				}
			}
		}
		pos += rec
	}
	return nil
}
