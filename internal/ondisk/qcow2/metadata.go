package qcow2

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/reprodisk/reprodisk/internal/ondisk/container"
	"github.com/reprodisk/reprodisk/internal/ondisk/field"
)

// maxShown is how many bytes of a text a value shows.
const maxShown = 256

// nature is what makes a field differ between two images, and how to pin it.
type nature struct {
	sort, remedy string
	derived      []string
}

const (
	sameOptions = "make both with the same release of qemu-img and the same options (-o)"
	sameOrder   = "make it from a finished raw disk with `qemu-img convert` without -W"
)

var (
	option    = nature{sort: "environment", remedy: sameOptions}
	place     = nature{sort: "placement", remedy: sameOrder}
	clock     = nature{sort: "time", remedy: "`qemu-img convert` leaves out snapshots"}
	content   = nature{sort: "content"}
	following = func(from ...string) nature { return nature{derived: from} }
)

// natures is keyed by a field's structure, without its number, and name. What
// is not in it has no known nature.
var natures = map[string]nature{
	"header/version":                    option,
	"header/backing_file_offset":        place,
	"header/backing_file_size":          following("header/backing_file_name"),
	"header/backing_file_name":          {sort: "environment", remedy: "give the backing file the same relative name"},
	"header/cluster_bits":               option,
	"header/size":                       content,
	"header/l1_size":                    following("header/size", "header/cluster_bits"),
	"header/l1_table_offset":            place,
	"header/refcount_table_offset":      place,
	"header/refcount_table_clusters":    following("file/length"),
	"header/nb_snapshots":               content,
	"header/snapshots_offset":           place,
	"header/incompatible_features":      option,
	"header/compatible_features":        option,
	"header/autoclear_features":         option,
	"header/refcount_order":             option,
	"header/header_length":              option,
	"header/compression_type":           option,
	"header extension/backing_format":   option,
	"header extension/feature_names":    option,
	"header extension/external_data":    {sort: "environment", remedy: "give the data file the same relative name"},
	"bitmaps/nb_bitmaps":                content,
	"bitmaps/bitmap_directory_size":     content,
	"bitmaps/bitmap_directory_offset":   place,
	"snapshot/l1_table_offset":          place,
	"snapshot/l1_size":                  content,
	"snapshot/id_str_size":              following("snapshot/id_str"),
	"snapshot/name_size":                following("snapshot/name"),
	"snapshot/id_str":                   content,
	"snapshot/name":                     content,
	"snapshot/date_sec":                 clock,
	"snapshot/date_nsec":                clock,
	"snapshot/vm_clock_nsec":            clock,
	"snapshot/icount":                   clock,
	"snapshot/vm_state_size":            content,
	"snapshot/vm_state_size_large":      content,
	"snapshot/disk_size":                content,
	"cluster table/allocated_clusters":  content,
	"cluster table/compressed_clusters": content,
	"cluster table/zero_clusters":       content,
	"cluster table/l2_tables":           content,
	"cluster table/order":               place,
	"file/length":                       following("cluster table/allocated_clusters", "cluster table/compressed_clusters", "cluster table/order", "header/cluster_bits"),
}

// Metadata lists the header, its extensions, the snapshots and a summary of
// the tables: how many clusters are stored in which way, and a digest of where
// each of them lies, so that two images of one disk whose clusters were
// written in another order differ in one field. The first call walks the L2
// tables.
func (d *Image) Metadata() []container.Field { return d.fields() }

func (d *Image) metadata() []container.Field {
	out := d.headerFields()
	for _, x := range d.extensions {
		out = append(out, x.fields()...)
	}
	out = append(out, d.snapshots()...)
	out = append(out, d.allocation()...)
	out = append(out, container.Field{Structure: "file", Name: "length", Value: fmt.Sprint(d.file.Size()), Length: d.file.Size()})
	for i := range out {
		f := &out[i]
		structure, number := f.Structure, ""
		if rest, ok := strings.CutPrefix(structure, "snapshot "); ok {
			structure, number = "snapshot", " "+rest
		}
		n := natures[structure+"/"+f.Name]
		f.Sort, f.Remedy = n.sort, n.remedy
		for _, from := range n.derived {
			if number != "" {
				from = strings.Replace(from, "snapshot/", "snapshot"+number+"/", 1)
			}
			f.Derived = append(f.Derived, from)
		}
	}
	return out
}

func (d *Image) headerFields() []container.Field {
	var fields []field.Field
	for _, f := range HeaderLayout.Fields() {
		if f.End() <= len(d.raw) {
			fields = append(fields, f)
		}
	}
	out := listed("header", fields, d.raw, 0)
	for i := range out {
		kind := map[string]uint8{"incompatible_features": 0, "compatible_features": 1, "autoclear_features": 2}
		if k, ok := kind[out[i].Name]; ok {
			f, _ := HeaderLayout.Named(out[i].Name)
			if names := d.featureNames(k, binary.BigEndian.Uint64(f.Slice(d.raw))); len(names) > 0 {
				out[i].Value += ": " + strings.Join(names, ", ")
			}
		}
	}
	if name := d.backingName; name != "" {
		out = append(out, text("header", "backing_file_name", []byte(name), int64(d.header.BackingFileOffset)))
	}
	return out
}

// fields lists what an extension holds.
func (x Extension) fields() []container.Field {
	const structure = "header extension"
	switch x.Type {
	case ExtBackingFormat:
		return []container.Field{text(structure, "backing_format", x.Data, x.Offset)}
	case ExtDataFile:
		return []container.Field{text(structure, "external_data", x.Data, x.Offset)}
	case ExtFeatureNames:
		var names []string
		for b := x.Data; len(b) >= FeatureLayout.Size(); b = b[FeatureLayout.Size():] {
			f := FeatureLayout.Decode(b)
			names = append(names, fmt.Sprintf("%d.%d %s", f.Type, f.Bit, field.ShowText(f.Name[:])))
		}
		return []container.Field{text(structure, "feature_names", []byte(strings.Join(names, ", ")), x.Offset)}
	case ExtBitmaps:
		if len(x.Data) >= BitmapsLayout.Size() {
			return listed("bitmaps", BitmapsLayout.Fields(), x.Data, x.Offset)
		}
	}
	return []container.Field{digested(structure, fmt.Sprintf("0x%08x", x.Type), x.Data, x.Offset)}
}

// allocation sums up the L1 and the L2 tables.
func (d *Image) allocation() []container.Field {
	const structure = "cluster table"
	t := d.tables
	var counts [packed + 1]int64
	sum := sha256.New()
	record := make([]byte, 0, 40)
	put := func(numbers ...int64) {
		record = record[:0]
		for _, n := range numbers {
			record = binary.BigEndian.AppendUint64(record, uint64(n))
		}
		sum.Write(record)
	}
	tables, lastTable := int64(0), int64(-1)
	var damage error
	for at := int64(0); at < t.size && damage == nil; {
		if index := at / t.cover(); index != lastTable {
			lastTable = index
			offset, err := t.l2(index)
			if damage = err; err != nil {
				break
			}
			if offset != 0 {
				tables++
				put(-1, index, offset)
			}
		}
		x, err := t.extent(at, t.size)
		if damage = err; err != nil {
			break
		}
		if x.kind != unallocated {
			put(int64(x.kind), x.guest, x.length, x.host, x.bytes)
		}
		counts[x.kind] += (x.length + t.unit() - 1) / t.unit()
		if x.kind == packed {
			counts[packed] += 1 - (x.length+t.unit()-1)/t.unit()
		}
		at = x.end()
	}
	length := t.l1Size * 8
	one := func(name, value string) container.Field {
		return container.Field{Structure: structure, Name: name, Value: value, Offset: t.l1Offset, Length: length}
	}
	unit := ""
	if t.extended {
		unit = " subclusters"
	}
	out := []container.Field{
		one("l2_tables", fmt.Sprint(tables)),
		one("allocated_clusters", fmt.Sprint(counts[stored])+unit),
		one("compressed_clusters", fmt.Sprint(counts[packed])),
		one("zero_clusters", fmt.Sprint(counts[zero])+unit),
		one("order", "sha256:"+hex.EncodeToString(sum.Sum(nil))),
	}
	if damage != nil {
		out = append(out, one("damage", damage.Error()))
	}
	return out
}

// listed turns the fields of a structure into metadata.
func listed(structure string, fields []field.Field, raw []byte, at int64) []container.Field {
	var out []container.Field
	for _, f := range fields {
		out = append(out, container.Field{Structure: structure, Name: f.Name, Value: f.Show(f.Slice(raw)), Offset: at + int64(f.Offset), Length: int64(f.Length)})
	}
	return out
}

// text is a field of text. Of a long one it shows the front and a digest.
func text(structure, name string, b []byte, at int64) container.Field {
	value := field.ShowText(b[:min(len(b), maxShown)])
	if len(b) > maxShown {
		value += fmt.Sprintf("… (%d bytes, sha256:%x)", len(b), sha256.Sum256(b))
	}
	return container.Field{Structure: structure, Name: name, Value: value, Offset: at, Length: int64(len(b))}
}

// digested is a field whose bytes mean nothing to us.
func digested(structure, name string, b []byte, at int64) container.Field {
	return container.Field{Structure: structure, Name: name, Value: fmt.Sprintf("%d bytes, sha256:%x", len(b), sha256.Sum256(b)), Offset: at, Length: int64(len(b))}
}
