package compare

import (
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/split"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
)

// compareContainers compares what the two images' files say beside their
// disks: identifiers, times, the order of clusters. Such a finding owns no
// byte of the disk. Two images of different formats have nothing in common
// there: only their disks are compared, and the report's inputs tell the
// formats.
func (d *disks) compareContainers() {
	if d.a.Format() != d.b.Format() {
		return
	}
	type name struct{ structure, field string }
	list := func(img *split.Image) (order []name, byName map[name]split.Field) {
		byName = map[name]split.Field{}
		for _, f := range img.Metadata() {
			n := name{f.Structure, f.Name}
			if _, ok := byName[n]; !ok {
				order = append(order, n)
			}
			byName[n] = f
		}
		return order, byName
	}
	orderA, inA := list(d.a)
	orderB, inB := list(d.b)
	for _, n := range orderB {
		if _, ok := inA[n]; !ok {
			orderA = append(orderA, n)
		}
	}
	found := map[string]*ledger.Finding{}
	var entered []split.Field
	for _, n := range orderA {
		fa, okA := inA[n]
		fb, okB := inB[n]
		if okA && okB && fa.Value == fb.Value {
			continue
		}
		known := fa
		if !okA {
			known = fb
		}
		f, _ := d.l.Of(ledger.Key{Format: d.a.Format(), Structure: n.structure, Field: n.field})
		f.A, f.B = fa.Value, fb.Value
		f.Cause = sortOf(known.Sort)
		f.Remedy = known.Remedy
		f.Note = "in the image's file, beside the disk"
		found[n.structure+"/"+n.field] = f
		entered = append(entered, known)
	}
	for _, e := range entered {
		for _, from := range e.Derived {
			found[e.Structure+"/"+e.Name].Follows(found[from])
		}
	}
	if d.size != nil { // how large the disk is decides the sizes of the tables
		for _, f := range found {
			if f.Cause == report.Content {
				f.Follows(d.size)
			}
		}
	}
}

// sortOf is the cause that a container's field names.
func sortOf(name string) report.Cause {
	for _, c := range report.Causes() {
		if string(c) == name {
			return c
		}
	}
	return report.Unknown
}
