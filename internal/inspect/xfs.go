package inspect

import (
	"fmt"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
	"github.com/reprodisk/reprodisk/internal/ondisk/xfs"
)

// xfs reads the superblock, its backups, and the headers of all groups.
func (v *volume) xfs() {
	fs, err := xfs.Open(v.r, v.size)
	if err != nil {
		v.warn(v.number, "%v", err)
		return
	}
	shown := min(fs.Groups(), maxGroups)
	if n := fs.Groups() - shown; n > 0 {
		v.warn(v.number, "of %d groups, the last %d are not shown", fs.Groups(), n)
	}
	for g := range shown {
		headers, err := fs.Headers(g)
		if err != nil {
			v.warn(v.number, "%v", err)
			return
		}
		for _, h := range headers {
			s := Structure{
				Partition: v.number, Format: "xfs", Name: h.Name, Offset: v.base + h.Offset, Length: int64(len(h.Raw)),
				Fields: fields(h.Fields, h.Raw, v.base+h.Offset, nil, featureNote),
			}
			if g > 0 || h.Name != "superblock" {
				s.Index = fmt.Sprintf("group %d", g)
			}
			stored, computed := h.Sums()
			s.Checksum = checksum(h.Checksum, uint64(stored), uint64(computed), 4)
			v.add(s)
		}
	}
}

func featureNote(f field.Field, raw []byte) string { return xfs.FeatureNames(f.Name, raw) }
