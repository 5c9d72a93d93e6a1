package qcow2

import (
	"fmt"

	"github.com/reprodisk/reprodisk/internal/ondisk/container"
	"github.com/reprodisk/reprodisk/internal/ondisk/field"
)

const maxExtraData = 1024 // bytes of a snapshot's extra data, as QEMU has it

// snapshots lists the entries of the snapshot table, as far as it can be read.
func (d *Image) snapshots() (out []container.Field) {
	at := int64(d.header.SnapshotsOffset)
	for n := range d.header.NbSnapshots {
		structure := fmt.Sprintf("snapshot %d", n+1)
		if n == maxSnapshots {
			return append(out, container.Field{Structure: structure, Name: "entry", Value: fmt.Sprintf("not listed, like the %d behind it", d.header.NbSnapshots-n-1), Offset: at})
		}
		fields, next, err := d.snapshot(structure, at)
		out = append(out, fields...)
		if err != nil {
			return append(out, container.Field{Structure: structure, Name: "entry", Value: "unreadable: " + err.Error(), Offset: at})
		}
		at = next
	}
	return out
}

// snapshot lists the fields of the entry at byte at, and tells where the next
// one begins.
func (d *Image) snapshot(structure string, at int64) (out []container.Field, next int64, err error) {
	raw := make([]byte, SnapshotLayout.Size())
	if at < 0 || at > d.file.Size()-int64(len(raw)) {
		return nil, 0, fmt.Errorf("it lies at byte %d, past the end of the file", at)
	}
	if err := readAll(d.file, raw, at); err != nil {
		return nil, 0, err
	}
	s := SnapshotLayout.Decode(raw)
	out = listed(structure, SnapshotLayout.Fields(), raw, at)
	for i := range out {
		if out[i].Name == "date_sec" {
			out[i].Value = field.ShowTime(int64(s.DateSec), 0)
		}
	}
	at += int64(len(raw))
	if s.ExtraDataSize > maxExtraData {
		return out, 0, fmt.Errorf("it has %d bytes of extra data, more than %d", s.ExtraDataSize, maxExtraData)
	}
	rest := make([]byte, int(s.ExtraDataSize)+int(s.IDStrSize)+int(s.NameSize))
	if err := readAll(d.file, rest, at); err != nil {
		return out, 0, err
	}
	extra := rest[:s.ExtraDataSize]
	for _, f := range SnapshotExtraLayout.Fields() {
		if f.End() <= len(extra) {
			out = append(out, listed(structure, []field.Field{f}, extra, at)...)
		}
	}
	if known := SnapshotExtraLayout.Size(); len(extra) > known {
		out = append(out, digested(structure, "extra_data", extra[known:], at+int64(known)))
	}
	at += int64(len(extra))
	id, name := rest[len(extra):][:s.IDStrSize], rest[len(extra)+int(s.IDStrSize):]
	out = append(out, text(structure, "id_str", id, at))
	at += int64(len(id))
	out = append(out, text(structure, "name", name, at))
	at += int64(len(name))
	return out, (at + 7) / 8 * 8, nil
}
