package forensic

import (
	"encoding/hex"
	"fmt"
	"io"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/split"
	"github.com/reprodisk/reprodisk/verify/forensic/volume"
)

// Namespaces of a document, and the version of the schema that it follows.
const (
	dfxmlNamespace = "http://www.forensicswiki.org/wiki/Category:Digital_Forensics_XML"
	deltaNamespace = "http://www.forensicswiki.org/wiki/Forensic_Disk_Differencing"
	dcNamespace    = "http://purl.org/dc/elements/1.1/"
	ownNamespace   = "https://github.com/reprodisk/reprodisk/dfxml"
	dfxmlVersion   = "2.0.0-beta.0"
)

// dfxml is a document that is being written.
type dfxml struct {
	*xmlWriter
	ids       int64
	partition int64 // the volumes' number in the document, from 1
}

// WriteDFXML writes a case as differential DFXML: both images with their
// partitions, and volume by volume the files that are new, deleted, renamed,
// modified or changed in B, each with what it was in A.
func WriteDFXML(w io.Writer, c *Case) error {
	x := &dfxml{xmlWriter: newXMLWriter(w)}
	x.w.WriteString("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n")
	x.start("dfxml", "xmlns", dfxmlNamespace, "xmlns:dc", dcNamespace, "xmlns:delta", deltaNamespace, "xmlns:reprodisk", ownNamespace, "version", dfxmlVersion)
	x.start("metadata")
	x.str("dc:type", "Disk image difference set", false)
	x.end("metadata")
	x.creator(c)
	x.start("source")
	for _, p := range c.Pairs {
		x.str("image_filename", p.A.Path, false)
		x.str("image_filename", p.B.Path, false)
	}
	x.end("source")
	for _, p := range c.Pairs {
		x.image(p, &p.A, "a")
		x.image(p, &p.B, "b")
	}
	for _, p := range c.Pairs {
		for _, v := range p.Volumes {
			x.volume(p, v)
		}
	}
	x.end("dfxml")
	return x.w.Flush()
}

func (x *dfxml) creator(c *Case) {
	x.start("creator")
	x.str("program", c.Program, false)
	x.str("version", c.Version, false)
	x.start("build_environment")
	x.str("compiler", runtime.Version(), false)
	x.end("build_environment")
	x.start("execution_environment")
	x.str("os_sysname", "Linux", false)
	x.str("arch", runtime.GOARCH, false)
	x.str("command_line", commandLine(c.Args), false)
	if !c.Start.IsZero() {
		x.str("start_time", c.Start.UTC().Format(time.RFC3339), false)
	}
	x.end("execution_environment")
	x.end("creator")
}

// commandLine quotes arguments as a shell takes them.
func commandLine(args []string) string {
	var out []string
	for _, a := range args {
		if a == "" || strings.ContainsAny(a, " \t\n\"'\\$`*?[]{}()<>|&;#~!") {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		out = append(out, a)
	}
	return strings.Join(out, " ")
}

func (x *dfxml) image(p *Pair, img *Image, side string) {
	x.start("diskimageobject")
	attributes := []string{"side", side, "path", img.Path, "format", img.Format}
	if p.Name != "" {
		attributes = append(attributes, "name", p.Name)
	}
	x.empty("reprodisk:image", attributes...)
	x.int("filesize", img.Size, false)
	x.start("byte_runs")
	x.run(-1, -1, 0, img.Size, "")
	x.end("byte_runs")
	if img.SHA256 != "" {
		x.hash("sha256", []byte(img.SHA256), false)
	}
	x.int("sector_size", img.Table.SectorSize, false)
	if img.Table.Label != split.LabelNone {
		x.start("partitionsystemobject")
		x.str("pstype_str", img.Table.Label, false)
		for _, part := range img.Table.Partitions {
			x.start("partitionobject")
			x.start("byte_runs")
			x.part(part, img.Parts[part.Number])
			x.end("byte_runs")
			x.int("partition_index", int64(part.Number), false)
			if n, err := strconv.ParseUint(part.Type, 16, 8); err == nil && img.Table.Label == split.LabelDOS {
				x.uint("ptype", n, false)
			}
			x.str("ptype_str", strings.TrimSpace(part.Type+" "+part.TypeName), false)
			x.end("partitionobject")
		}
		x.end("partitionsystemobject")
	}
	x.end("diskimageobject")
}

// part writes where a partition lies, with its digest where there is one.
func (x *dfxml) part(part split.Partition, sum string) {
	if sum == "" {
		x.run(-1, -1, part.Offset, part.Length, "")
		return
	}
	x.margin()
	x.w.WriteString("<byte_run")
	x.number("img_offset", part.Offset)
	x.number("len", part.Length)
	x.w.WriteString(">\n")
	x.depth++
	x.hash("sha256", []byte(sum), false)
	x.end("byte_run")
}

// run writes a byte run. Offsets below zero are left out.
func (x *dfxml) run(file, fs, img, length int64, more string) {
	x.margin()
	x.w.WriteString("<byte_run")
	for _, a := range []struct {
		name string
		n    int64
	}{{"file_offset", file}, {"fs_offset", fs}, {"img_offset", img}} {
		if a.n >= 0 {
			x.number(a.name, a.n)
		}
	}
	x.number("len", length)
	x.w.WriteString(more)
	x.w.WriteString("/>\n")
}

func (x *dfxml) hash(kind string, text []byte, changed bool) {
	x.open("hashdigest", changed)
	x.attribute("type", kind)
	x.w.WriteByte('>')
	x.w.Write(text)
	x.close("hashdigest")
}

func (x *dfxml) volume(p *Pair, v *Volume) {
	x.partition++
	now, was := v.B, v.A
	var attributes []string
	switch {
	case now == nil:
		now, was = was, nil
		attributes = append(attributes, "delta:deleted_volume", "1")
	case was == nil:
		attributes = append(attributes, "delta:new_volume", "1")
	case now.differs(was):
		attributes = append(attributes, "delta:modified_volume", "1")
	default:
		was = nil
	}
	attributes = append(attributes, "reprodisk:partition", strconv.Itoa(v.Number))
	if p.Name != "" {
		attributes = append(attributes, "reprodisk:image", p.Name)
	}
	x.start("volume", append([]string{"offset", strconv.FormatInt(now.Offset, 10)}, attributes...)...)
	x.side(now, was)
	for i := range v.Changes {
		x.change(v, &v.Changes[i])
	}
	if e := v.errors(); e != "" {
		x.str("error", e, false)
	}
	if was != nil {
		x.start("delta:original_volume", "offset", strconv.FormatInt(was.Offset, 10))
		x.side(was, nil)
		x.end("delta:original_volume")
	}
	if v.Moved > 0 {
		x.int("reprodisk:moved", int64(v.Moved), false)
	}
	x.end("volume")
}

// differs tells whether any of the properties that are written differs.
func (s *Side) differs(o *Side) bool {
	return s.Offset != o.Offset || s.SectorSize != o.SectorSize || s.BlockSize != o.BlockSize || s.Type != o.Type || s.Blocks != o.Blocks
}

// errors is why the trees of a volume are not complete.
func (v *Volume) errors() string {
	var out []string
	for _, s := range []struct {
		name string
		side *Side
	}{{"a", v.A}, {"b", v.B}} {
		if s.side != nil && s.side.Error != "" {
			out = append(out, s.name+": "+s.side.Error)
		}
	}
	return strings.Join(out, "; ")
}

// side writes the properties of a volume; those that differ from the
// original's are marked.
func (x *dfxml) side(s, was *Side) {
	changed := func(differs func(o *Side) bool) bool { return was != nil && differs(was) }
	x.int("partition_offset", s.Offset, changed(func(o *Side) bool { return s.Offset != o.Offset }))
	if s.SectorSize > 0 {
		x.int("sector_size", s.SectorSize, changed(func(o *Side) bool { return s.SectorSize != o.SectorSize }))
	}
	if s.BlockSize > 0 {
		x.int("block_size", s.BlockSize, changed(func(o *Side) bool { return s.BlockSize != o.BlockSize }))
	}
	if s.Kind > 0 {
		x.int("ftype", int64(s.Kind), changed(func(o *Side) bool { return s.Kind != o.Kind }))
	}
	if s.Type != "" {
		x.str("ftype_str", s.Type, changed(func(o *Side) bool { return s.Type != o.Type }))
	}
	if s.Blocks > 1 {
		moved := changed(func(o *Side) bool { return s.Blocks != o.Blocks })
		x.int("block_count", s.Blocks, moved)
		x.int("first_block", 0, false)
		x.int("last_block", s.Blocks-1, moved)
	}
	x.int("allocated_only", 1, false)
}

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
