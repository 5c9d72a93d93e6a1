package ext4

import (
	"fmt"
	"math/bits"
)

// Bits of s_feature_compat. A reader may ignore those it does not know.
const (
	CompatDirPrealloc   = 0x0001
	CompatImagicInodes  = 0x0002
	CompatHasJournal    = 0x0004
	CompatExtAttr       = 0x0008
	CompatResizeInode   = 0x0010
	CompatDirIndex      = 0x0020
	CompatLazyBg        = 0x0040
	CompatExcludeBitmap = 0x0100
	CompatSparseSuper2  = 0x0200
	CompatFastCommit    = 0x0400
	CompatStableInodes  = 0x0800
	CompatOrphanFile    = 0x1000
)

// Bits of s_feature_incompat. A reader must know them all.
const (
	IncompatCompression = 0x00001
	IncompatFiletype    = 0x00002
	IncompatRecover     = 0x00004
	IncompatJournalDev  = 0x00008
	IncompatMetaBg      = 0x00010
	IncompatExtents     = 0x00040
	Incompat64bit       = 0x00080
	IncompatMmp         = 0x00100
	IncompatFlexBg      = 0x00200
	IncompatEaInode     = 0x00400
	IncompatDirdata     = 0x01000
	IncompatCsumSeed    = 0x02000
	IncompatLargedir    = 0x04000
	IncompatInlineData  = 0x08000
	IncompatEncrypt     = 0x10000
	IncompatCasefold    = 0x20000
)

// Bits of s_feature_ro_compat. A writer must know them all.
const (
	RoCompatSparseSuper   = 0x00001
	RoCompatLargeFile     = 0x00002
	RoCompatBtreeDir      = 0x00004
	RoCompatHugeFile      = 0x00008
	RoCompatGdtCsum       = 0x00010
	RoCompatDirNlink      = 0x00020
	RoCompatExtraIsize    = 0x00040
	RoCompatHasSnapshot   = 0x00080
	RoCompatQuota         = 0x00100
	RoCompatBigalloc      = 0x00200
	RoCompatMetadataCsum  = 0x00400
	RoCompatReplica       = 0x00800
	RoCompatReadonly      = 0x01000
	RoCompatProject       = 0x02000
	RoCompatSharedBlocks  = 0x04000
	RoCompatVerity        = 0x08000
	RoCompatOrphanPresent = 0x10000
)

// HasCompat tells whether any of the bits is set in s_feature_compat.
func (s *Superblock) HasCompat(bits uint32) bool {
	return s.RevLevel >= DynamicRev && s.FeatureCompat&bits != 0
}

// HasIncompat tells whether any of the bits is set in s_feature_incompat.
func (s *Superblock) HasIncompat(bits uint32) bool {
	return s.RevLevel >= DynamicRev && s.FeatureIncompat&bits != 0
}

// HasRoCompat tells whether any of the bits is set in s_feature_ro_compat.
func (s *Superblock) HasRoCompat(bits uint32) bool {
	return s.RevLevel >= DynamicRev && s.FeatureRoCompat&bits != 0
}

// Names by bit number, as dumpe2fs of e2fsprogs 1.47 prints them.
var (
	compatNames = map[int]string{
		0: "dir_prealloc", 1: "imagic_inodes", 2: "has_journal", 3: "ext_attr",
		4: "resize_inode", 5: "dir_index", 6: "lazy_bg", 8: "snapshot_bitmap",
		9: "sparse_super2", 10: "fast_commit", 11: "stable_inodes", 12: "orphan_file",
	}
	incompatNames = map[int]string{
		0: "compression", 1: "filetype", 2: "needs_recovery", 3: "journal_dev",
		4: "meta_bg", 6: "extent", 7: "64bit", 8: "mmp", 9: "flex_bg", 10: "ea_inode",
		12: "dirdata", 13: "metadata_csum_seed", 14: "large_dir", 15: "inline_data",
		16: "encrypt", 17: "casefold",
	}
	roCompatNames = map[int]string{
		0: "sparse_super", 1: "large_file", 3: "huge_file", 4: "uninit_bg",
		5: "dir_nlink", 6: "extra_isize", 7: "snapshot", 8: "quota", 9: "bigalloc",
		10: "metadata_csum", 11: "replica", 12: "read-only", 13: "project",
		14: "shared_blocks", 15: "verity", 16: "orphan_present",
	}
)

// CompatNames, IncompatNames and RoCompatNames name the set bits of a feature
// word from the lowest to the highest, as dumpe2fs does; a bit without a name
// is FEATURE_C31, FEATURE_I31 or FEATURE_R31.
func CompatNames(v uint32) []string { return bitNames(v, compatNames, "FEATURE_C%d") }

// IncompatNames is described at CompatNames.
func IncompatNames(v uint32) []string { return bitNames(v, incompatNames, "FEATURE_I%d") }

// RoCompatNames is described at CompatNames.
func RoCompatNames(v uint32) []string { return bitNames(v, roCompatNames, "FEATURE_R%d") }

func bitNames(v uint32, names map[int]string, unknown string) []string {
	var out []string
	for ; v != 0; v &= v - 1 {
		n := bits.TrailingZeros32(v)
		name, ok := names[n]
		if !ok {
			name = fmt.Sprintf(unknown, n)
		}
		out = append(out, name)
	}
	return out
}

// FeatureNames names all features in dumpe2fs' order: compat, incompat,
// ro_compat.
func (s *Superblock) FeatureNames() []string {
	out := CompatNames(s.FeatureCompat)
	out = append(out, IncompatNames(s.FeatureIncompat)...)
	return append(out, RoCompatNames(s.FeatureRoCompat)...)
}
