package inspect

import (
	"fmt"

	"github.com/reprodisk/reprodisk/internal/ondisk/btrfs"
)

// btrfs reads the superblock and its mirrors, each with the chunks that it
// tells of.
func (v *volume) btrfs() {
	for i, at := range btrfs.SuperOffsets {
		if at+btrfs.SuperSize > v.size {
			return
		}
		name, index := "superblock", ""
		if i > 0 {
			name, index = "superblock mirror", fmt.Sprint(i)
		}
		raw, ok := v.bytes(at, btrfs.SuperSize, name)
		if !ok {
			return
		}
		sb := btrfs.SuperblockLayout.Decode(raw)
		if sb.Magic != btrfs.Magic {
			v.warn(v.number, "there is no %s at byte %d", name, v.base+at)
			continue
		}
		s := Structure{Partition: v.number, Format: "btrfs", Name: name, Index: index, Offset: v.base + at, Length: int64(len(raw))}
		for _, f := range btrfs.SuperFields(raw) {
			value := Field{Name: f.Name, Offset: v.base + at + int64(f.Start), Length: int64(f.End - f.Start), Value: f.Show(raw[f.Start:f.End])}
			if f.Name == "csum_type" {
				value.Note = btrfs.CsumName(sb.CsumType)
			}
			s.Fields = append(s.Fields, value)
		}
		if n := btrfs.CsumLength(sb.CsumType); n > 0 {
			stored, computed := raw[:n], btrfs.Sum(sb.CsumType, raw[btrfs.CsumSize:])
			s.Checksum = &Checksum{
				Field: "csum", Valid: string(stored) == string(computed),
				Stored: fmt.Sprintf("0x%x", stored), Computed: fmt.Sprintf("0x%x", computed),
			}
		}
		v.add(s)
	}
}
