package xfs

import (
	"encoding/binary"
	"hash/crc32"
	"strings"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
)

// Header is one of the four sectors that each group begins with.
type Header struct {
	Name     string // "superblock", "backup superblock", "AGF", "AGI", "AGFL"
	Group    uint32
	Offset   int64  // bytes
	Raw      []byte // the sector
	Fields   []field.Field
	Checksum string // the name of the field that has it
}

// Groups is how many groups there are.
func (fs *FS) Groups() uint32 { return fs.SB.AGCount }

// Headers reads the sectors that a group begins with.
func (fs *FS) Headers(group uint32) ([]Header, error) {
	sector, start := int64(fs.SB.SectSize), fs.groupBlock(group, 0)
	b, err := fs.read(start, 4*sector)
	if err != nil {
		return nil, err
	}
	super := "superblock"
	if group > 0 {
		super = "backup superblock"
	}
	out := []Header{
		{Name: super, Fields: SuperblockLayout.Fields(), Checksum: "sb_crc"},
		{Name: "AGF", Fields: AGFLayout.Fields(), Checksum: "agf_crc"},
		{Name: "AGI", Fields: AGILayout.Fields(), Checksum: "agi_crc"},
		{Name: "AGFL", Fields: AGFLLayout.Fields(), Checksum: "agfl_crc"},
	}
	for i := range out {
		h := &out[i]
		h.Group, h.Offset, h.Raw = group, start+int64(i)*sector, b[int64(i)*sector:int64(i+1)*sector]
	}
	return out, nil
}

// Sums are the checksum that a header has, and the one that its bytes give.
func (h *Header) Sums() (stored, computed uint32) {
	for _, f := range h.Fields {
		if f.Name == h.Checksum {
			b := append([]byte(nil), h.Raw...)
			stored = binary.LittleEndian.Uint32(f.Slice(b))
			clear(f.Slice(b))
			return stored, crc32.Checksum(b, castagnoli)
		}
	}
	return 0, 0
}

// features are the names of the superblock's flags, from the lowest bit on:
// the kernel's without XFS_SB_FEAT_….
var features = map[string][]string{
	"sb_features_ro_compat":    {"FINOBT", "RMAPBT", "REFLINK", "INOBTCNT"},
	"sb_features_incompat":     {"FTYPE", "SPINODES", "META_UUID", "BIGTIME", "NEEDSREPAIR", "NREXT64", "EXCHRANGE", "PARENT", "METADIR", "ZONED", "ZONE_GAPS"},
	"sb_features_log_incompat": {"XATTRS"},
}

// FeatureNames names the flags of a field of the superblock that holds some,
// given by its bytes; empty for other fields.
func FeatureNames(name string, raw []byte) string {
	if len(raw) != 4 {
		return ""
	}
	n := be.Uint32(raw)
	var out []string
	for i, feature := range features[name] {
		if n>>i&1 == 1 {
			out = append(out, feature)
		}
	}
	return strings.Join(out, " ")
}
