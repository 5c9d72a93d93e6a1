package inspect

import (
	"fmt"
	"strings"

	"github.com/reprodisk/reprodisk/internal/ondisk/ext4"
	"github.com/reprodisk/reprodisk/internal/ondisk/field"
)

// maxGroups is how many block groups are shown, of a volume of half a
// tebibyte in blocks of 4 KiB all.
const maxGroups = 4096

// ext4 reads the superblock, its backups and all group descriptors.
func (v *volume) ext4() {
	fs, err := ext4.Open(v.r, v.size)
	if err != nil {
		v.warn(v.number, "%v", err)
		return
	}
	for _, p := range fs.Warnings() {
		v.warn(v.number, "%v", p)
	}
	v.superblock(fs, ext4.SuperblockOffset, "superblock", "")
	shown := min(fs.Groups(), maxGroups)
	if n := fs.Groups() - shown; n > 0 {
		v.warn(v.number, "of %d block groups, the last %d are not shown", fs.Groups(), n)
	}
	for g := uint32(1); g < shown; g++ {
		if fs.HasSuper(g) {
			v.superblock(fs, int64(fs.GroupFirstBlock(g))*fs.BlockSize(), "backup superblock", fmt.Sprintf("group %d", g))
		}
	}
	for g := range shown {
		raw := fs.RawGroup(g)
		s := Structure{
			Partition: v.number, Format: "ext4", Name: "group descriptor", Index: fmt.Sprintf("group %d", g),
			Offset: v.base + fs.GroupOffset(g), Length: int64(len(raw)),
			Fields: fields(ext4.GroupDescLayout.Fields(), raw, v.base+fs.GroupOffset(g), nil, groupNote),
		}
		if c := fs.CheckGroup(g, raw); c.Present {
			s.Checksum = checksum("bg_checksum", uint64(c.Stored), uint64(c.Computed), 2)
		}
		v.add(s)
	}
}

func (v *volume) superblock(fs *ext4.FS, at int64, name, index string) {
	raw, ok := v.bytes(at, ext4.SuperblockSize, name+" "+index)
	if !ok {
		return
	}
	sb := ext4.SuperblockLayout.Decode(raw)
	if sb.Magic != ext4.SuperMagic {
		v.warn(v.number, "there is no %s at byte %d", strings.TrimSpace(name+" "+index), v.base+at)
		return
	}
	s := Structure{
		Partition: v.number, Format: "ext4", Name: name, Index: index, Offset: v.base + at, Length: ext4.SuperblockSize,
		Fields: fields(ext4.SuperblockLayout.Fields(), raw, v.base+at, nil, superNote(&sb)),
	}
	if c := fs.CheckSuperblock(raw); c.Present {
		s.Checksum = checksum("s_checksum", uint64(c.Stored), uint64(c.Computed), 4)
	}
	v.add(s)
}

// superNote says what a superblock's codes mean.
func superNote(sb *ext4.Superblock) func(field.Field, []byte) string {
	return func(f field.Field, _ []byte) string {
		switch f.Name {
		case "s_feature_compat":
			return strings.Join(ext4.CompatNames(sb.FeatureCompat), " ")
		case "s_feature_incompat":
			return strings.Join(ext4.IncompatNames(sb.FeatureIncompat), " ")
		case "s_feature_ro_compat":
			return strings.Join(ext4.RoCompatNames(sb.FeatureRoCompat), " ")
		case "s_log_block_size":
			if n := sb.BlockSize(); n > 0 {
				return fmt.Sprintf("%d bytes", n)
			}
		case "s_state":
			return bits(uint64(sb.State), []string{"clean", "errors", "orphans"})
		case "s_flags":
			return bits(uint64(sb.Flags), []string{"signed_directory_hash", "unsigned_directory_hash", "test_filesystem"})
		}
		return ""
	}
}

func groupNote(f field.Field, raw []byte) string {
	if f.Name != "bg_flags" {
		return ""
	}
	return bits(uint64(raw[0]), []string{"INODE_UNINIT", "BLOCK_UNINIT", "ITABLE_ZEROED"})
}

// bits names the set bits of a number, from the lowest on.
func bits(n uint64, names []string) string {
	var out []string
	for i, name := range names {
		if n>>i&1 != 0 {
			out = append(out, name)
		}
	}
	return strings.Join(out, " ")
}
