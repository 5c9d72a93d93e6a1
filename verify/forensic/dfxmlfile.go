package forensic

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/verify/forensic/volume"
)

func (x *dfxml) change(v *Volume, c *Change) {
	switch {
	case c.A == nil:
		x.start("fileobject", "delta:new_file", "1")
		x.file(c.B, v.B, 0)
	case c.B == nil:
		x.start("fileobject", "delta:deleted_file", "1")
		x.original(c.A, v.A)
	default:
		var attributes []string
		if c.Diffs.Has(DiffName) {
			attributes = append(attributes, "delta:renamed_file", "1")
		}
		if c.Diffs.Has(DiffContent) {
			attributes = append(attributes, "delta:modified_file", "1")
		}
		if c.Diffs&^DiffContent != 0 {
			attributes = append(attributes, "delta:changed_file", "1")
		}
		x.start("fileobject", attributes...)
		x.file(c.B, v.B, c.Diffs)
		x.original(c.A, v.A)
	}
	x.end("fileobject")
}

func (x *dfxml) original(f *File, s *Side) {
	x.start("delta:original_fileobject")
	x.file(f, s, 0)
	x.end("delta:original_fileobject")
}

// file writes what is known of a file, in the order of the schema, and marks
// the properties of d as changed.
func (x *dfxml) file(f *File, s *Side, d Diffs) {
	if f.Path != "/" {
		x.start("parent_object")
		x.uint("inode", f.Parent, d.Has(DiffParent))
		x.end("parent_object")
	}
	name := strings.TrimPrefix(f.Path, "/")
	if name == "" {
		name = "."
	}
	x.str("filename", name, d.Has(DiffName))
	if e := f.problem(); e != "" {
		x.str("error", e, false)
	}
	x.int("partition", x.partition, false)
	x.ids++
	x.int("id", x.ids, false)
	letter, kind := nameType(f.Type())
	x.str("name_type", string(letter), false) // which the schema gives no attributes; meta_type has them
	x.int("filesize", f.Size, d.Has(DiffSize))
	x.int("alloc", 1, false)
	x.int("used", 1, false)
	x.uint("inode", f.Inode, d.Has(DiffInode))
	x.int("meta_type", int64(kind), d.Has(DiffType))
	x.int("mode", int64(f.Mode&tree.PermMask), d.Has(DiffMode))
	if f.Has&volume.HasLinks != 0 {
		x.int("nlink", int64(f.Links), d.Has(DiffLinks))
	}
	if f.Has&volume.HasOwner != 0 {
		x.int("uid", int64(f.UID), d.Has(DiffUID))
		x.int("gid", int64(f.GID), d.Has(DiffGID))
	}
	x.time("mtime", f.Mtime, d.Has(DiffMtime))
	x.time("ctime", f.Ctime, d.Has(DiffCtime))
	x.time("atime", f.Atime, d.Has(DiffAtime))
	x.time("crtime", f.Crtime, d.Has(DiffCrtime))
	if f.Type() == tree.Symlink {
		x.str("link_target", f.Target, d.Has(DiffTarget))
	}
	x.runs(f, s, d.Has(DiffRuns))
	if f.Digests != nil {
		var text [64]byte
		for _, h := range []struct {
			kind string
			sum  []byte
		}{{"md5", f.Digests.MD5[:]}, {"sha1", f.Digests.SHA1[:]}, {"sha256", f.Digests.SHA256[:]}} {
			n := hex.Encode(text[:], h.sum)
			x.hash(h.kind, text[:n], d.Has(DiffContent))
		}
	}
	x.own(f, d)
}

// problem is what is not said of a file, and why.
func (f *File) problem() string {
	switch {
	case f.RunsOmitted && f.Error != "":
		return f.Error + "; there are more byte runs"
	case f.RunsOmitted:
		return "there are more byte runs"
	}
	return f.Error
}

// time writes a time. One that is not stored, or that no calendar has, is left
// out.
func (x *dfxml) time(name string, t volume.Time, changed bool) {
	if !t.Set {
		return
	}
	nsec := int64(t.Nsec)
	if nsec >= 1e9 {
		nsec = 0 // no kernel writes that
	}
	at := time.Unix(t.Sec, nsec).UTC()
	if at.Year() < 1 || at.Year() > 9999 {
		return
	}
	x.open(name, changed)
	if t.Precision > 0 {
		x.number("prec", int64(t.Precision))
	}
	x.w.WriteByte('>')
	form := time.RFC3339Nano
	if t.Local {
		form = "2006-01-02T15:04:05.999999999" // as fiwalk writes it
	}
	x.w.Write(at.AppendFormat(x.num[:0], form))
	x.close(name)
}

func (x *dfxml) runs(f *File, s *Side, changed bool) {
	if len(f.Runs) == 0 {
		if changed {
			x.open("byte_runs", true)
			x.w.WriteString("/>\n")
		}
		return
	}
	x.open("byte_runs", changed)
	x.w.WriteString(">\n")
	x.depth++
	for _, r := range f.Runs {
		fs, img, more := r.Physical, s.Offset+r.Physical, ""
		switch {
		case r.Physical < 0:
			fs, img, more = -1, -1, ` type="resident"`
		case r.Zeros:
			more = ` fill="0"`
		case r.Unpacked > 0:
			more = fmt.Sprintf(` uncompressed_len="%d"`, r.Unpacked)
			if r.Shared {
				more += ` type="fragment"`
			}
		}
		x.run(r.Logical, fs, img, r.Length, more)
	}
	x.end("byte_runs")
}

// own writes what DFXML has no element for.
func (x *dfxml) own(f *File, d Diffs) {
	if f.Flags != 0 || d.Has(DiffFlags) {
		x.str("reprodisk:flags", fmt.Sprintf("0x%x", f.Flags), d.Has(DiffFlags))
	}
	if kind := f.Type(); kind == tree.Block || kind == tree.Char {
		x.str("reprodisk:device", fmt.Sprintf("%d,%d", f.Major, f.Minor), d.Has(DiffDevice))
	}
	if len(f.Xattrs) == 0 && !d.Has(DiffXattrs) {
		return
	}
	x.open("reprodisk:xattrs", d.Has(DiffXattrs))
	x.w.WriteString(">\n")
	x.depth++
	for _, a := range f.Xattrs {
		x.empty("reprodisk:xattr", "name", a.Name, "size", strconv.Itoa(a.Size), "sha256", hex.EncodeToString(a.SHA256[:]))
	}
	x.end("reprodisk:xattrs")
}
