package vhd

import (
	"encoding/binary"
	"fmt"

	"github.com/reprodisk/reprodisk/internal/ondisk/container"
	"github.com/reprodisk/reprodisk/internal/ondisk/field"
	"github.com/reprodisk/reprodisk/internal/ondisk/fieldlist"
)

// showTime renders seconds since 2000, big-endian. No time is stored as 0.
func showTime(raw []byte) string {
	n := binary.BigEndian.Uint32(raw)
	if n == 0 {
		return "0"
	}
	return field.ShowTime(epoch+int64(n), 0)
}

func showGeometry(raw []byte) string {
	return fmt.Sprintf("%d cylinders, %d heads, %d sectors", binary.BigEndian.Uint16(raw), raw[2], raw[3])
}

// notes on the footer's fields. What qemu-img does is true of QEMU 7.2.
var footerNotes = fieldlist.Notes{
	"DataOffset":         {Sort: "placement"},
	"TimeStamp":          {Sort: "time", Show: showTime, Remedy: "qemu-img stamps the time of the conversion: overwrite it afterwards in every copy of the footer, with the Checksum behind it"},
	"CreatorApplication": {Sort: "environment", Remedy: "names the program that made the image, and with qemu-img whether `-o force_size` was given: make both images alike"},
	"CreatorVersion":     {Sort: "environment"},
	"CreatorHostOS":      {Sort: "environment"},
	"OriginalSize":       {Sort: "content"},
	"CurrentSize":        {Sort: "content"},
	"DiskGeometry":       {Derived: []string{"footer/CurrentSize"}, Show: showGeometry},
	"DiskType":           {Sort: "environment", Remedy: "fixed (2) or dynamic (3): give qemu-img the same `-o subformat=`"},
	"UniqueId":           {Sort: "random", Remedy: "made up at random when the image is made: overwrite it afterwards in every copy of the footer, with the Checksum before it"},
	"SavedState":         {Sort: "environment"},
}

var headerNotes = fieldlist.Notes{
	"TableOffset":     {Sort: "placement"},
	"MaxTableEntries": {Derived: []string{"footer/CurrentSize", "header/BlockSize"}},
	"BlockSize":       {Sort: "environment"},
	"ParentUniqueId":  {Sort: "random"},
	"ParentTimeStamp": {Sort: "time", Show: showTime},
}

func init() {
	footerNotes["Checksum"] = follows(FooterLayout.Fields(), "footer")
	headerNotes["Checksum"] = follows(HeaderLayout.Fields(), "header")
}

// follows makes the note of a checksum: it follows from all other fields.
func follows(fields []field.Field, structure string) fieldlist.Note {
	var n fieldlist.Note
	for _, f := range fields {
		if f.Kind != field.Checksum {
			n.Derived = append(n.Derived, structure+"/"+f.Name)
		}
	}
	return n
}

// Metadata lists the fields of the footer, of its copy at the front, where
// there is one, and of a dynamic image's header, and what tells its table and
// its bitmaps from others.
func (i *Image) Metadata() []container.Field {
	main := i.back
	if main == nil {
		main = i.front
	}
	out := fieldlist.Of(FooterLayout.Fields(), main.raw, main.at, "footer", footerNotes)
	if i.footer.OriginalSize == i.footer.CurrentSize {
		for n := range out {
			if out[n].Name == "OriginalSize" { // never resized
				out[n].Derived = []string{"footer/CurrentSize"}
			}
		}
	}
	if i.dynamic == nil {
		return out
	}
	if main != i.front {
		out = append(out, copied(i.front)...)
	}
	d := i.dynamic
	h := &d.header
	out = append(out, fieldlist.Of(HeaderLayout.Fields(), d.raw, d.at, "header", headerNotes)...)
	return append(out, container.Field{
		Structure: "BAT",
		Name:      "entries",
		Value:     fmt.Sprintf("%d allocated, %d free, order %s", d.table.Blocks(), d.free, d.table.Digest()),
		Offset:    int64(h.TableOffset),
		Length:    4 * int64(h.MaxTableEntries),
		Sort:      "placement",
		Remedy:    "blocks lie in the order in which they were first written: write both images in the order of the disk, as `qemu-img convert` does without -W",
	}, container.Field{
		Structure: "sector bitmaps",
		Name:      "bitmaps",
		Value:     fmt.Sprintf("%d sectors marked as written in %d blocks, sha256 %x…", d.marked, d.looked, d.bitmaps[:8]),
		Offset:    d.first,
		Length:    bitmapSize(h.BlockSize),
		Sort:      "environment",
		Remedy:    "qemu-img marks whole blocks, other programs only what was written: make both images with the same program",
	})
}

// copied lists a copy of the footer: each field follows from the original's.
func copied(c *copyOf) []container.Field {
	notes := fieldlist.Notes{}
	for _, f := range FooterLayout.Fields() {
		notes[f.Name] = fieldlist.Note{Derived: []string{"footer/" + f.Name}, Sort: footerNotes[f.Name].Sort, Show: footerNotes[f.Name].Show}
	}
	return fieldlist.Of(FooterLayout.Fields(), c.raw, c.at, c.structure, notes)
}
