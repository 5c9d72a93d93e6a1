package compare

import (
	"github.com/reprodisk/reprodisk/internal/ondisk/probe"
	"github.com/reprodisk/reprodisk/verify/compare/btrfscmp"
	"github.com/reprodisk/reprodisk/verify/compare/erofscmp"
	"github.com/reprodisk/reprodisk/verify/compare/ext4cmp"
	"github.com/reprodisk/reprodisk/verify/compare/fatcmp"
	"github.com/reprodisk/reprodisk/verify/compare/isocmp"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
	"github.com/reprodisk/reprodisk/verify/compare/squashcmp"
	"github.com/reprodisk/reprodisk/verify/compare/xfscmp"
)

// kind is what a partition holds, as blkid prints it.
type kind = probe.Info

// comparers are the formats whose structures are read, by the family that
// identify gives.
var comparers = map[string]ledger.Comparer{
	"ext":      ext4cmp.Compare,
	"fat":      fatcmp.Compare,
	"squashfs": squashcmp.Compare,
	"btrfs":    btrfscmp.Compare,
	"iso9660":  isocmp.Compare,
	"erofs":    erofscmp.Compare,
	"xfs":      xfscmp.Compare,
}

// identify tells what a partition holds, and which family of formats that is.
// What cannot be read is of no kind: the comparison that follows will say why.
func identify(s ledger.Side) (kind, string) {
	info, err := probe.Identify(s.R, s.Size)
	if err != nil {
		return kind{}, ""
	}
	switch info.Type {
	case "ext2", "ext3", "ext4", "jbd":
		return info, "ext"
	case "vfat":
		return info, "fat"
	}
	return info, info.Type
}
