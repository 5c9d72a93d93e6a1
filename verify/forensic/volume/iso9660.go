package volume

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/reprodisk/reprodisk/internal/ondisk/iso9660"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// iso is an ISO 9660 filesystem: the best of its trees.
type iso struct {
	fs   *iso9660.FS
	t    *iso9660.Tree
	v    *Volume
	dirs map[int64]bool // directories met, by where they lie
}

const isoKind = 0x800 // TSK_FS_TYPE_ISO9660

func openISO(r io.ReaderAt, size int64) (*Volume, error) {
	fs, err := iso9660.Open(r, size)
	if err != nil {
		return nil, err
	}
	v := &Volume{Type: "iso9660", Kind: isoKind, BlockSize: iso9660.SectorSize, Blocks: size / iso9660.SectorSize}
	v.reader = &iso{fs: fs, t: fs.Best(), v: v, dirs: map[int64]bool{}}
	return v, nil
}

func (x *iso) walk(_ context.Context, visit func(*Object) error) error {
	root, err := x.fs.Root(x.t)
	if err != nil {
		return err
	}
	o := x.object("/", root, number(root))
	if l, err := x.fs.ReadDir(x.t, root); err == nil && l.Self != nil {
		// Its own record says more, but lies elsewhere.
		o = x.object("/", l.Self, number(root))
		o.Inode, o.ref = number(root), root
	}
	return x.visit(o, root, 0, visit)
}

// number stands for an inode: the place of the record.
func number(r *iso9660.Record) uint64 {
	if r.Serial != 0 {
		return uint64(r.Serial)
	}
	return uint64(r.Offset)
}

func (x *iso) visit(o *Object, r *iso9660.Record, depth int, visit func(*Object) error) error {
	if err := visit(o); err != nil || !r.IsDir() {
		return err
	}
	l, err := x.fs.ReadDir(x.t, r)
	if err != nil {
		x.v.problem(fmt.Sprintf("%.80q: %v", o.Path, err))
	}
	switch {
	case len(l.Ranges) > 0 && x.dirs[l.Ranges[0].Start]:
		x.v.problem(fmt.Sprintf("%.80q: the directory has another name already, and is not followed", o.Path))
		return nil
	case depth == maxDepth || len(o.Path) > maxPath:
		x.v.problem(fmt.Sprintf("%.80q: is nested too deeply, and is not followed", o.Path))
		return nil
	case len(l.Ranges) > 0:
		x.dirs[l.Ranges[0].Start] = true
	}
	slices.SortStableFunc(l.Records, func(a, b *iso9660.Record) int { return cmp.Compare(a.Name, b.Name) })
	for _, c := range l.Records {
		if err := x.visit(x.object(tree.JoinPath(o.Path, c.Name), c, o.Inode), c, depth+1, visit); err != nil {
			return err
		}
	}
	return nil
}

func (x *iso) object(path string, r *iso9660.Record, parent uint64) *Object {
	o := &Object{Path: path, Mode: r.Mode, Size: r.Size, Inode: number(r), Parent: parent, Target: r.Target, ref: r}
	if r.Serial != 0 {
		o.Has |= HasInode
	}
	if r.IsDir() {
		o.Mode = o.Mode&^tree.TypeMask | tree.Directory
	}
	if r.Rock {
		o.Has |= HasLinks | HasOwner
		o.Links, o.UID, o.GID = r.Links, r.UID, r.GID
		o.Major, o.Minor = r.Rdev[0], r.Rdev[1]
	}
	if o.Type() == tree.Symlink {
		o.Size = int64(len(r.Target))
	}
	o.Mtime = Time{Time: r.Date, Set: true}
	for _, s := range r.Stamps {
		t := Time{Time: s.Time, Set: true}
		switch s.Name {
		case "TF.creation":
			o.Crtime = t
		case "TF.modify":
			o.Mtime = t
		case "TF.access":
			o.Atime = t
		case "TF.attributes":
			o.Ctime = t
		}
	}
	for _, f := range r.Other {
		o.Xattrs = append(o.Xattrs, Xattr{"SUSP." + f.Name, len(f.Value), sha256.Sum256(f.Value)})
	}
	return o
}

// isoFile is a file's content.
type isoFile struct {
	fs *iso9660.FS
	r  *iso9660.Record
}

func (f isoFile) Size() int64 { return f.r.Size }

func (f isoFile) NextData(off int64) (start, end int64) {
	return min(off, f.r.Size), f.r.Size
}

func (f isoFile) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off >= f.r.Size {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), f.r.Size-off))
	if err := f.fs.ReadContent(f.r, p[:n], off); err != nil {
		return 0, err
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (x *iso) content(o *Object) (Content, error) {
	r := o.ref.(*iso9660.Record)
	if r.Unit != 0 {
		return nil, errors.New("interleaved files are not read")
	}
	return isoFile{x.fs, r}, nil
}

func (x *iso) runs(o *Object, limit int) ([]Run, bool, error) {
	var out []Run
	at := int64(0)
	for _, e := range o.ref.(*iso9660.Record).Extents {
		if len(out) == limit {
			return out, false, nil
		}
		out = append(out, Run{Logical: at, Physical: e.Start, Length: e.Length})
		at += e.Length
	}
	return out, true, nil
}
