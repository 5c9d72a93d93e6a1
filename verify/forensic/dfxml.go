package forensic

import (
	"io"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/reprodisk/reprodisk/split"
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
