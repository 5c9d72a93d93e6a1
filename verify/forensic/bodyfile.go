package forensic

import (
	"bufio"
	"encoding/hex"
	"io"
	"strconv"

	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/verify/forensic/volume"
)

// special are the characters that mean something in a body file, or to mactime.
const special = "|%"

// WriteBodyfile writes the differing files of both sides as a body file of The
// Sleuth Kit, for mactime. Names begin with the side and the partition:
// a/p2/etc/passwd. A bar in a name is \x7c, a percent sign, with which mactime
// would begin a format, \x25; and see Escape.
func WriteBodyfile(w io.Writer, c *Case) error {
	out := bufio.NewWriterSize(w, 64<<10)
	var line []byte
	for _, p := range c.Pairs {
		for _, v := range p.Volumes {
			a, b := Escape(prefix("a", p, v.Number), special), Escape(prefix("b", p, v.Number), special)
			for i := range v.Changes {
				if f := v.Changes[i].A; f != nil {
					line = bodyLine(line[:0], a, f)
					if _, err := out.Write(line); err != nil {
						return err
					}
				}
				if f := v.Changes[i].B; f != nil {
					line = bodyLine(line[:0], b, f)
					if _, err := out.Write(line); err != nil {
						return err
					}
				}
			}
		}
	}
	return out.Flush()
}

// bodyLine appends the line of a file:
// MD5|name|inode|mode_as_string|UID|GID|size|atime|mtime|ctime|crtime.
func bodyLine(line []byte, prefix string, f *File) []byte {
	if f.Digests != nil {
		line = hex.AppendEncode(line, f.Digests.MD5[:])
	} else {
		line = append(line, '0')
	}
	line = append(line, '|')
	line = append(append(line, prefix...), Escape(f.Path, special)...)
	if f.Type() == tree.Symlink {
		line = append(append(line, " -> "...), Escape(f.Target, special)...)
	}
	line = append(line, '|')
	line = strconv.AppendUint(line, f.Inode, 10)
	line = append(line, '|')
	line = appendMode(line, f.Mode)
	for _, n := range []int64{int64(f.UID), int64(f.GID), f.Size} {
		line = strconv.AppendInt(append(line, '|'), n, 10)
	}
	for _, t := range []volume.Time{f.Atime, f.Mtime, f.Ctime, f.Crtime} {
		line = strconv.AppendInt(append(line, '|'), t.Sec, 10) // 0: not stored
	}
	return append(line, '\n')
}

// nameType is The Sleuth Kit's letter for a type of file, metaType its number.
func nameType(kind uint32) (letter byte, metaType int) {
	switch kind {
	case tree.Regular:
		return 'r', 1
	case tree.Directory:
		return 'd', 2
	case tree.FIFO:
		return 'p', 3
	case tree.Char:
		return 'c', 4
	case tree.Block:
		return 'b', 5
	case tree.Symlink:
		return 'l', 6
	case tree.Socket:
		return 's', 8
	}
	return '-', 0
}

// appendMode appends a mode as The Sleuth Kit shows it: the type by the name
// and by the metadata, and the permissions as ls has them.
func appendMode(line []byte, mode uint32) []byte {
	kind, _ := nameType(mode & tree.TypeMask)
	line = append(line, kind, '/', kind)
	at := len(line)
	line = append(line, "rwxrwxrwx"...)
	perm := line[at:]
	for i := range perm {
		if mode>>(8-i)&1 == 0 {
			perm[i] = '-'
		}
	}
	for _, s := range []struct {
		bit    uint32
		at     int
		letter byte
	}{{0o4000, 2, 's'}, {0o2000, 5, 's'}, {0o1000, 8, 't'}} {
		if mode&s.bit == 0 {
			continue
		}
		if perm[s.at] == 'x' {
			perm[s.at] = s.letter
		} else {
			perm[s.at] = s.letter - 'a' + 'A'
		}
	}
	return line
}
