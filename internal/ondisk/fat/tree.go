package fat

import (
	"io"

	"github.com/reprodisk/reprodisk/internal/tree"
)

// Tree is what the volume holds, all but the content of files, which is read
// from the volume when it is asked for. FAT knows no owners: modes are those
// that Linux' vfat shows under umask 022. A date that is none reads as 1980.
func (v *Volume) Tree() *tree.Node {
	root := v.node(0)
	root.Name = ""
	return root
}

// node goes no deeper than maxDepth, where Scan stops.
func (v *Volume) node(i uint32) *tree.Node {
	f := &v.Files[i]
	n := &tree.Node{Name: f.Name, Inode: &tree.Inode{Mode: tree.Regular | 0o755, DOS: f.Entry.Attr & (AttrReadOnly | AttrHidden | AttrSystem)}}
	if f.Entry.Attr&AttrReadOnly != 0 && !f.Dir {
		n.Mode &^= 0o222
	}
	n.Mtime = moment(f.Entry.WrtDate, f.Entry.WrtTime, 0)
	n.Ctime = n.Mtime
	n.Btime = moment(f.Entry.CrtDate, f.Entry.CrtTime, f.Entry.CrtTimeTenth)
	n.Atime = moment(f.Entry.LstAccDate, 0, 0)
	if !f.Dir {
		n.Size, n.Content = f.Size, content{v, i}
		return n
	}
	n.Mode = tree.Directory | 0o755
	n.Children = make([]*tree.Node, 0, len(f.Children))
	for k, c := range f.Children {
		if k > 0 && v.Files[c].Name == v.Files[f.Children[k-1]].Name {
			continue // a second entry of one name, which is a problem
		}
		n.Children = append(n.Children, v.node(c))
	}
	return n
}

func moment(date, clock uint16, tenth uint8) tree.Time {
	sec, nsec, ok := DecodeTime(date, clock, tenth)
	if !ok {
		sec, nsec, _ = DecodeTime(firstDate, 0, 0)
	}
	return tree.Time{Sec: sec, Nsec: nsec}
}

// firstDate is 1980-01-01: year 0, month 1, day 1.
const firstDate = 1<<5 | 1

// content is a file's, by its number.
type content struct {
	v *Volume
	i uint32
}

// Open implements tree.Content. Where the file's chain is too short, reading
// fails.
func (c content) Open() (tree.Reader, error) {
	r := c.v.Open(c.i)
	return contentReader{io.NewSectionReader(r, 0, r.Size())}, nil
}

// contentReader reads a file from its start as well as anywhere.
type contentReader struct {
	*io.SectionReader
}

func (contentReader) Close() error { return nil }
