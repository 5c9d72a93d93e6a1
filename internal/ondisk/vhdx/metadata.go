package vhdx

import (
	"fmt"

	"github.com/reprodisk/reprodisk/internal/ondisk/container"
	"github.com/reprodisk/reprodisk/internal/ondisk/field"
	"github.com/reprodisk/reprodisk/internal/ondisk/fieldlist"
)

// listed is how many entries of a table Metadata lists.
const listed = 32

// What qemu-img does is true of QEMU 7.2.
const pin = "made up at random when the image is made or first written to, with no option to choose it in qemu-img: overwrite it afterwards"

var identifierNotes = fieldlist.Notes{
	"Creator": {Sort: "environment", Remedy: "names the program that made the image and its version: make both with the same"},
}

var itemNotes = fieldlist.Notes{
	"BlockSize":                     {Sort: "environment", Remedy: "give qemu-img the same `-o block_size=`"},
	"LeaveBlockAllocated|HasParent": {Sort: "environment", Remedy: "fixed (bit 0) or dynamic: give qemu-img the same `-o subformat=`"},
	"VirtualDiskSize":               {Sort: "content"},
	"VirtualDiskId":                 {Sort: "random", Remedy: pin},
	"LogicalSectorSize":             {Sort: "environment"},
	"PhysicalSectorSize":            {Sort: "environment"},
}

// Metadata lists the fields of the identifier, of both headers, of both copies
// of the region table, of the metadata, and what tells the log and the BAT
// from others.
func (i *Image) Metadata() []container.Field {
	out := fieldlist.Of(IdentifierLayout.Fields(), i.identifier, 0, "file identifier", identifierNotes)
	out = append(out, i.headerFields(0)...)
	out = append(out, i.headerFields(1)...)
	out = append(out, i.regionFields(0)...)
	out = append(out, i.regionFields(1)...)
	out = append(out, container.Field{
		Structure: "log", Name: "entries", Value: i.log,
		Offset: int64(i.header.LogOffset), Length: int64(i.header.LogLength),
		Sort:   "random",
		Remedy: "what was carried out already, under a LogGuid made up at random; nothing reads it: overwrite it with zeros",
	})
	out = append(out, i.metadataFields()...)
	n := i.states
	return append(out, container.Field{
		Structure: "BAT", Name: "entries",
		Value: fmt.Sprintf("%d fully present, %d not present, %d zero, %d undefined or unmapped, order %s",
			n[stateFullyPresent], n[stateNotPresent], n[stateZero], n[stateUndefined]+n[stateUnmapped]+n[stateUnmapped095], i.table.Digest()),
		Offset: i.bat.at, Length: 8 * i.entries,
		Sort:   "placement",
		Remedy: "blocks lie in the order in which they were first written: write both images in the order of the disk, as `qemu-img convert` does without -W",
	})
}

// headerFields lists header n. What the older header has in common with the
// newer one follows from it.
func (i *Image) headerFields(n int) []container.Field {
	name := fmt.Sprintf("header %d", n+1)
	newer := fmt.Sprintf("header %d", i.current+1)
	notes := fieldlist.Notes{
		"SequenceNumber": {Sort: "random", Remedy: "qemu-img begins at a random number, and each opening for writing adds to it: overwrite it afterwards, with the Checksum before it"},
		"FileWriteGuid":  {Sort: "random", Remedy: pin + ", with the Checksum before it"},
		"DataWriteGuid":  {Sort: "random", Remedy: pin + ", with the Checksum before it"},
		"LogGuid":        {Sort: "random"},
		"LogLength":      {Sort: "environment", Remedy: "give qemu-img the same `-o log_size=`"},
		"LogOffset":      {Sort: "placement"},
		"Checksum":       {Derived: others(HeaderLayout.Fields(), name)},
	}
	if n != i.current {
		for _, f := range HeaderLayout.Fields() {
			if f.Kind != field.Checksum && string(f.Slice(i.headers[n])) == string(f.Slice(i.headers[i.current])) {
				note := notes[f.Name]
				note.Derived = []string{newer + "/" + f.Name}
				note.Remedy = ""
				notes[f.Name] = note
			}
		}
		// Headers are written in turn, each with the next number.
		if HeaderLayout.Decode(i.headers[n]).SequenceNumber+1 == i.header.SequenceNumber {
			note := notes["SequenceNumber"]
			note.Derived = []string{newer + "/SequenceNumber"}
			note.Remedy = ""
			notes["SequenceNumber"] = note
		}
	}
	return fieldlist.Of(HeaderLayout.Fields(), i.headers[n], []int64{headerAt1, headerAt2}[n], name, notes)
}

// others are all fields of a structure but the checksum.
func others(fields []field.Field, structure string) []string {
	var out []string
	for _, f := range fields {
		if f.Kind != field.Checksum {
			out = append(out, structure+"/"+f.Name)
		}
	}
	return out
}

// regionFields lists region table n. The second follows from the first.
func (i *Image) regionFields(n int) []container.Field {
	b, at := i.regions[n], []int64{regionAt1, regionAt2}[n]
	name := fmt.Sprintf("region table %d", n+1)
	out := fieldlist.Of(tableLayout.Fields(), b, at, name, nil)
	count := min(int(tableLayout.Decode(b).EntryCount), maxTableEntries)
	for e := range min(count, listed) {
		pos := tableLayout.Size() + e*regionLayout.Size()
		raw := b[pos : pos+regionLayout.Size()]
		id := regionLayout.Decode(raw).GUID
		prefix := field.ShowGUID(id[:])
		switch id {
		case batRegion:
			prefix = "BAT"
		case metadataRegion:
			prefix = "Metadata"
		}
		for _, f := range fieldlist.Of(regionLayout.Fields(), raw, at+int64(pos), name, fieldlist.Notes{
			"FileOffset": {Sort: "placement"},
			"Length":     {Sort: "environment"},
		}) {
			f.Name = prefix + "." + f.Name
			out = append(out, f)
		}
	}
	var all []string
	for _, f := range out {
		if f.Name != "Checksum" {
			all = append(all, name+"/"+f.Name)
		}
	}
	for k := range out {
		switch {
		case out[k].Name == "Checksum":
			out[k].Derived = all
		case n == 1:
			out[k].Derived = []string{"region table 1/" + out[k].Name}
		}
	}
	return out
}

// metadataFields lists the metadata table and its items.
func (i *Image) metadataFields() []container.Field {
	out := fieldlist.Of(metadataLayout.Fields(), i.metadata, i.meta.at, "metadata table", nil)
	count := int(metadataLayout.Decode(i.metadata).EntryCount)
	known := map[int]string{}
	for _, it := range i.items {
		known[it.entry] = it.kind.name
	}
	for e := range min(count, listed) {
		pos := metadataLayout.Size() + e*itemLayout.Size()
		raw := i.metadata[pos : pos+itemLayout.Size()]
		prefix := known[e]
		if prefix == "" {
			prefix = field.ShowGUID(raw[:16])
		}
		for _, f := range fieldlist.Of(itemLayout.Fields(), raw, i.meta.at+int64(pos), "metadata table", fieldlist.Notes{
			"Offset": {Sort: "placement"},
		}) {
			f.Name = prefix + "." + f.Name
			out = append(out, f)
		}
	}
	for _, it := range i.items {
		out = append(out, fieldlist.Of(it.kind.fields, it.raw, it.at, "metadata", itemNotes)...)
	}
	return out
}
