package vmdk

import (
	"fmt"
	"strings"

	"github.com/reprodisk/reprodisk/internal/ondisk/container"
	"github.com/reprodisk/reprodisk/internal/ondisk/fieldlist"
)

// listed is how many extents' headers Metadata lists in full.
const listed = 64

var headerNotes = fieldlist.Notes{
	"version":           {Sort: "environment"},
	"flags":             {Sort: "environment"},
	"capacity":          {Sort: "content"},
	"grainSize":         {Sort: "environment"},
	"descriptorOffset":  {Sort: "placement"},
	"descriptorSize":    {Sort: "environment"},
	"numGTEsPerGT":      {Sort: "environment"},
	"rgdOffset":         {Sort: "placement"},
	"gdOffset":          {Sort: "placement"},
	"overHead":          {Sort: "placement"},
	"uncleanShutdown":   {Sort: "environment", Remedy: "the image was not closed: shut the machine down, or rewrite the image with `qemu-img convert`"},
	"compressAlgorithm": {Sort: "environment"},
}

// What qemu-img does is true of QEMU 7.2.
var entryNotes = map[string]fieldlist.Note{
	"cid":                    {Sort: "random", Remedy: "qemu-img draws it at random when it first writes to the disk, with no option to choose it and without leading zeros, so that the rest of the descriptor may move: overwrite it afterwards, with 8 digits"},
	"parentcid":              {Sort: "environment"},
	"createtype":             {Sort: "environment", Remedy: "give qemu-img the same `-o subformat=`"},
	"version":                {Sort: "environment"},
	"encoding":               {Sort: "environment"},
	"ddb.uuid":               {Sort: "random", Remedy: "made up at random when the image is made: overwrite it in the descriptor afterwards"},
	"ddb.longcontentid":      {Sort: "random", Remedy: "made up at random when the disk is written to: overwrite it in the descriptor afterwards"},
	"ddb.adaptertype":        {Sort: "environment", Remedy: "give qemu-img the same `-o adapter_type=`"},
	"ddb.virtualhwversion":   {Sort: "environment", Remedy: "give qemu-img the same `-o hwversion=`"},
	"ddb.toolsversion":       {Sort: "environment", Remedy: "give qemu-img the same `-o toolsversion=`"},
	"ddb.geometry.cylinders": {Derived: []string{"header/capacity"}},
	"ddb.geometry.heads":     {Derived: []string{"descriptor/ddb.adapterType"}},
	"ddb.geometry.sectors":   {Derived: []string{"descriptor/ddb.adapterType"}},
}

// Metadata lists the descriptor's entries and extents, and of each sparse
// extent the header's fields and what tells its tables from others. Where the
// extents are files of their own, offsets count from the begin of theirs.
func (i *Image) Metadata() []container.Field {
	d := i.descriptor
	var out []container.Field
	for _, e := range d.entries {
		n := entryNotes[strings.ToLower(e.key)]
		if strings.EqualFold(e.key, "ddb.geometry.cylinders") && !i.embedded {
			n.Derived = nil // from the sum of the extents
		}
		out = append(out, container.Field{
			Structure: "descriptor", Name: short(e.key), Value: short(e.value),
			Offset: d.at + e.at, Length: e.length,
			Derived: n.Derived, Sort: n.Sort, Remedy: n.Remedy,
		})
	}
	for number, e := range d.extents {
		out = append(out, container.Field{
			Structure: "descriptor", Name: fmt.Sprintf("extent %d", number+1), Value: short(e.line),
			Offset: d.at + e.at, Length: int64(len(e.line)),
			Sort: "environment", Remedy: "it names the image's file: give both images the same name, in folders of their own",
		})
	}
	out = append(out, container.Field{
		Structure: "descriptor", Name: "comments", Value: fieldlist.Digest(d.rest),
		Offset: d.at, Length: int64(len(d.text)),
		Sort: "environment", Remedy: "the lines that say nothing about the disk depend on the program that wrote them: make both images with the same",
	})
	for number, p := range i.parts {
		if p.sparse == nil {
			continue
		}
		prefix := ""
		if !i.embedded {
			prefix = fmt.Sprintf("extent %d ", number+1)
		}
		out = append(out, p.sparse.metadata(prefix, number < listed)...)
	}
	return out
}

// metadata lists a sparse extent's fields; its structures' names begin with
// prefix.
func (s *sparse) metadata(prefix string, full bool) []container.Field {
	var out []container.Field
	if full {
		out = fieldlist.Of(HeaderLayout.Fields(), s.raw, 0, prefix+"header", headerNotes)
	} else {
		out = []container.Field{{Structure: prefix + "header", Name: "all", Value: fieldlist.Digest(s.raw), Length: sector}}
	}
	if s.footer != nil && full {
		notes := fieldlist.Notes{}
		for _, f := range HeaderLayout.Fields() {
			n := fieldlist.Note{Derived: []string{prefix + "header/" + f.Name}, Sort: headerNotes[f.Name].Sort}
			if f.Name == "gdOffset" {
				n.Derived = nil // the header's says only that the footer has it
			}
			notes[f.Name] = n
		}
		out = append(out, fieldlist.Of(HeaderLayout.Fields(), s.footer, s.footerAt, prefix+"footer", notes)...)
	}
	out = append(out, container.Field{
		Structure: prefix + "grain tables",
		Name:      "entries",
		Value:     fmt.Sprintf("%d allocated, %d zero, order %s", s.table.Blocks(), s.zero, s.tables),
		Offset:    int64(s.header.GDOffset) * sector,
		Length:    4 * s.directory(),
		Sort:      "placement",
		Remedy:    "grains lie in the order in which they were first written: write both images in the order of the disk, as `qemu-img convert` does without -W",
	})
	if s.redundant != "" {
		out = append(out, container.Field{
			Structure: prefix + "redundant grain tables",
			Name:      "entries",
			Value:     "order " + s.redundant,
			Offset:    int64(s.header.RGDOffset) * sector,
			Length:    4 * s.directory(),
			Derived:   []string{prefix + "grain tables/entries"},
			Sort:      "placement",
		})
	}
	return out
}

// short cuts what a descriptor says to what a list can bear.
func short(s string) string {
	if q := quote(s); len(q) != len(s)+2 {
		return q
	}
	return s
}
