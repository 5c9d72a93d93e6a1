package probe

import (
	"encoding/binary"
	"fmt"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
)

// extSuper is the part of ext4_super_block that names the filesystem.
type extSuper struct {
	Counts          [14]uint32 `disk:"s_inodes_count…s_wtime"`
	Magic           uint16     `disk:"s_magic,hex"`
	State           uint16     `disk:"s_state"`
	Errors          uint16     `disk:"s_errors"`
	MinorRevLevel   uint16     `disk:"s_minor_rev_level"`
	LastCheck       [3]uint32  `disk:"s_lastcheck…s_creator_os"`
	RevLevel        uint32     `disk:"s_rev_level"`
	Defaults        [3]uint32  `disk:"s_def_resuid…s_block_group_nr"`
	FeatureCompat   uint32     `disk:"s_feature_compat,flags"`
	FeatureIncompat uint32     `disk:"s_feature_incompat,flags"`
	FeatureROCompat uint32     `disk:"s_feature_ro_compat,flags"`
	UUID            [16]byte   `disk:"s_uuid,uuid"`
	VolumeName      [16]byte   `disk:"s_volume_name,text"`
}

var extLayout = field.MustOf[extSuper](binary.LittleEndian)

// Features, by the names that the kernel gives them.
const (
	compatHasJournal   = 0x0004
	incompatJournalDev = 0x0008

	// What a driver for ext2 and for ext3 understands.
	ext2Incompat = 0x0002 | 0x0010          // filetype, meta_bg
	ext3Incompat = ext2Incompat | 0x0004    // and recover
	ext3ROCompat = 0x0001 | 0x0002 | 0x0004 // sparse_super, large_file, btree_dir: ext2's too
)

func readExt(s *source) (extSuper, bool) {
	b := s.bytes(1024, 1024)
	return extLayout.Decode(b), b != nil
}

func (e extSuper) info() Info {
	return Info{Label: text(e.VolumeName[:]), UUID: uuid(e.UUID), Version: fmt.Sprintf("%d.%d", e.RevLevel, e.MinorRevLevel)}
}

func decodeExt4(s *source, _ magic) (Info, bool) {
	e, ok := readExt(s)
	beyondExt3 := e.FeatureROCompat&^ext3ROCompat != 0 || e.FeatureIncompat&^ext3Incompat != 0
	return e.info(), ok && beyondExt3 && e.FeatureIncompat&incompatJournalDev == 0
}

func decodeExt3(s *source, _ magic) (Info, bool) {
	e, ok := readExt(s)
	return e.info(), ok && e.FeatureCompat&compatHasJournal != 0 &&
		e.FeatureROCompat&^ext3ROCompat == 0 && e.FeatureIncompat&^ext3Incompat == 0
}

func decodeExt2(s *source, _ magic) (Info, bool) {
	e, ok := readExt(s)
	return e.info(), ok && e.FeatureCompat&compatHasJournal == 0 &&
		e.FeatureROCompat&^ext3ROCompat == 0 && e.FeatureIncompat&^ext2Incompat == 0
}

func decodeJBD(s *source, _ magic) (Info, bool) {
	e, ok := readExt(s)
	return e.info(), ok && e.FeatureIncompat&incompatJournalDev != 0
}
