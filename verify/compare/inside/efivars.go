package inside

import (
	"bytes"
	"fmt"

	"github.com/reprodisk/reprodisk/internal/ondisk/efivars"
	"github.com/reprodisk/reprodisk/internal/ondisk/field"
	"github.com/reprodisk/reprodisk/report"
)

// maxVariables bounds the variables of one store.
const maxVariables = 10_000

const remedyEFITime = "enrol with a fixed time: sign-efi-sig-list -t, virt-fw-vars after faketime"

// variableList is the variables in use, and the others by their number.
func variableList(f *efivars.Store) (*entryList, error) {
	l := &entryList{}
	if len(f.Variables) > maxVariables {
		return nil, errEntries
	}
	for _, v := range f.Variables {
		name := fmt.Sprintf("%s-%s", v.Name, field.ShowGUID(v.VendorGUID[:]))
		if !v.Live() {
			name = "deleted " + name
		}
		e := entry{name: name, attrs: func() []attr { return variableAttrs(v) }}
		e.content = Source{bytes.NewReader(v.Data), int64(len(v.Data))}
		if err := l.add(e); err != nil {
			return nil, err
		}
	}
	return l, nil
}

func variableAttrs(v efivars.Variable) []attr {
	raw := efivars.AuthenticatedLayout.Encode(&v.AuthenticatedHeader)
	return layoutAttrs(efivars.AuthenticatedLayout.Fields(), raw, func(a *attr, _ []byte) {
		switch a.name {
		case "TimeStamp.Year", "TimeStamp.Month", "TimeStamp.Day", "TimeStamp.Hour", "TimeStamp.Minute", "TimeStamp.Second", "TimeStamp.Nanosecond":
			a.cause, a.remedy = report.Time, remedyEFITime
		case "NameSize", "DataSize":
			a.derived = true
		case "MonotonicCount":
			a.cause = report.Environment
		}
	})
}

func compareEFIVars(s *session, p pair, out *result) (string, error) {
	const kind = "EFI variable store"
	a, err := efivars.Decode(p.a.R, p.a.Size)
	if err != nil {
		return "", err
	}
	b, err := efivars.Decode(p.b.R, p.b.Size)
	if err != nil {
		return "", err
	}
	plain := func(*attr, []byte) {}
	volume := func(v efivars.VolumeHeader) []attr {
		return layoutAttrs(efivars.VolumeLayout.Fields(), efivars.VolumeLayout.Encode(&v), func(a *attr, _ []byte) { a.derived = a.name == "Checksum" })
	}
	store := func(h efivars.StoreHeader) []attr {
		return layoutAttrs(efivars.StoreLayout.Fields(), efivars.StoreLayout.Encode(&h), plain)
	}
	compareAttrs(join(p.where, "volume header"), volume(a.Volume), volume(b.Volume), out)
	compareAttrs(join(p.where, "store header"), store(a.Header), store(b.Header), out)
	if !bytes.Equal(a.BlockMap, b.BlockMap) {
		out.add(Field{Where: join(p.where, "volume header"), Name: "BlockMap", A: hexOf(a.BlockMap), B: hexOf(b.BlockMap), Cause: report.Content})
	}
	la, err := variableList(a)
	if err != nil {
		return "", err
	}
	lb, err := variableList(b)
	if err != nil {
		return "", err
	}
	if err := s.compareEntries(p, la, lb, entriesOptions{orderRemedy: "set the variables in the same order", listing: true}, out); err != nil {
		return "", err
	}
	// What is free in the store is erased, and reads 0xff. What follows the
	// store keeps copies of what was written.
	free := p
	free.a, free.b = p.a.part(a.Used, a.End-a.Used), p.b.part(b.Used, b.End-b.Used)
	erasedA, err := s.filled(free.a, 0xff)
	if err != nil {
		return "", err
	}
	erasedB, err := s.filled(free.b, 0xff)
	if err != nil {
		return "", err
	}
	if !erasedA || !erasedB {
		if err := s.compareBytes(free, "free space of the store", report.Residue, "begin with a fresh variable store", out); err != nil {
			return "", err
		}
	}
	free.a, free.b = p.a.from(a.End), p.b.from(b.End)
	if err := s.compareBytes(free, "working and spare blocks", report.Residue, "begin with a fresh variable store", out); err != nil {
		return "", err
	}
	if p.a, err = s.betweenVariables(p.a, a); err != nil {
		return "", err
	}
	if p.b, err = s.betweenVariables(p.b, b); err != nil {
		return "", err
	}
	return kind, s.compareBytes(p, "bytes between the variables", report.Content, "", out)
}

// betweenVariables is what no variable's header, name or data holds; nothing
// where it is all erased.
func (s *session) betweenVariables(src Source, f *efivars.Store) (Source, error) {
	var covered cover
	covered.add(0, f.End-int64(f.Header.Size)+int64(efivars.StoreLayout.Size()))
	for _, v := range f.Variables {
		covered.add(v.Offset, v.Length)
	}
	covered.add(f.Used, src.Size)
	rest := covered.rest(src)
	erased, err := s.filled(rest, 0xff)
	if erased {
		rest = rest.part(0, 0)
	}
	return rest, err
}
