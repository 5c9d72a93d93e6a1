package ext4cmp

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/ondisk/ext4"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
	"github.com/reprodisk/reprodisk/verify/compare/scan"
)

// A variant is a way to make a filesystem.
type variant struct {
	name  string
	args  []string
	mib   int  // size of the image
	short bool // among those of go test -short
}

// variants are filesystems with each feature. Groups are small, so that small
// images have several.
var variants = []variant{
	{"ext2", []string{"-t", "ext2", "-b", "1024", "-g", "2048"}, 6, true},
	{"ext2-4k", []string{"-t", "ext2", "-b", "4096", "-g", "1024"}, 16, false},
	{"ext3", []string{"-t", "ext3", "-b", "1024", "-g", "2048"}, 8, true},
	{"ext3-2k", []string{"-t", "ext3", "-b", "2048", "-g", "2048"}, 12, false},
	{"ext4-1k", []string{"-t", "ext4", "-b", "1024", "-g", "2048", "-I", "256"}, 8, true},
	{"ext4-2k", []string{"-t", "ext4", "-b", "2048", "-g", "2048"}, 12, false},
	{"ext4-4k", []string{"-t", "ext4", "-b", "4096", "-g", "1024"}, 20, false},
	{"ext4-64k", []string{"-t", "ext4", "-b", "65536", "-g", "256", "-O", "^has_journal", "-I", "256"}, 40, false},
	{"no 64bit", []string{"-t", "ext4", "-b", "1024", "-g", "2048", "-O", "^64bit"}, 8, false},
	{"no flex_bg", []string{"-t", "ext4", "-b", "1024", "-g", "2048", "-O", "^flex_bg"}, 8, false},
	{"meta_bg", []string{"-t", "ext4", "-b", "1024", "-g", "1024", "-O", "meta_bg,^resize_inode"}, 20, true},
	{"bigalloc", []string{"-t", "ext4", "-b", "1024", "-C", "8192", "-O", "bigalloc"}, 16, true},
	{"gdt_csum", []string{"-t", "ext4", "-b", "1024", "-g", "2048", "-O", "^metadata_csum,uninit_bg"}, 8, true},
	{"no checksums", []string{"-t", "ext4", "-b", "1024", "-g", "2048", "-O", "^metadata_csum,^uninit_bg"}, 8, false},
	{"metadata_csum_seed", []string{"-t", "ext4", "-b", "1024", "-g", "2048", "-O", "metadata_csum_seed"}, 8, true},
	{"sparse_super2", []string{"-t", "ext4", "-b", "1024", "-g", "2048", "-O", "sparse_super2,^resize_inode"}, 8, false},
	{"no extent", []string{"-t", "ext4", "-b", "1024", "-g", "2048", "-O", "^extent,^64bit"}, 8, true},
	{"inline_data", []string{"-t", "ext4", "-b", "1024", "-g", "2048", "-I", "256", "-O", "inline_data"}, 8, true},
	{"ea_inode", []string{"-t", "ext4", "-b", "1024", "-g", "2048", "-O", "ea_inode"}, 8, true},
	{"large_dir", []string{"-t", "ext4", "-b", "1024", "-g", "2048", "-O", "large_dir"}, 8, false},
	{"orphan_file", []string{"-t", "ext4", "-b", "1024", "-g", "2048", "-O", "orphan_file"}, 8, true},
	{"quota", []string{"-t", "ext4", "-b", "1024", "-g", "2048", "-I", "256", "-O", "quota,project"}, 8, true},
	{"encrypt", []string{"-t", "ext4", "-b", "1024", "-g", "2048", "-O", "encrypt"}, 8, false},
	{"casefold", []string{"-t", "ext4", "-b", "1024", "-g", "2048", "-O", "casefold"}, 8, false},
	{"no journal", []string{"-t", "ext4", "-b", "1024", "-g", "2048", "-O", "^has_journal"}, 6, false},
	{"no resize_inode", []string{"-t", "ext4", "-b", "1024", "-g", "2048", "-O", "^resize_inode"}, 8, false},
	{"128-byte inodes", []string{"-t", "ext4", "-b", "1024", "-g", "2048", "-I", "128"}, 8, true},
	{"512-byte inodes", []string{"-t", "ext4", "-b", "1024", "-g", "2048", "-I", "512"}, 8, false},
	{"mmp", []string{"-t", "ext4", "-b", "1024", "-g", "2048", "-O", "mmp"}, 8, true},
	{"revision 0", []string{"-t", "ext2", "-r", "0", "-b", "1024", "-g", "2048"}, 6, false},
}

// specimen is a filesystem of a variant, in memory and in a file.
type specimen struct {
	variant
	t    *testing.T
	path string
	raw  []byte
	fs   *ext4.FS
}

// matrixTree is what each specimen holds.
func matrixTree(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "tree")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.MkdirAll(filepath.Join(dir, "d/sub"), 0o755))
	must(os.MkdirAll(filepath.Join(dir, "few"), 0o755))
	must(os.WriteFile(filepath.Join(dir, "few/a"), []byte("a"), 0o644))
	must(os.WriteFile(filepath.Join(dir, "few/b"), []byte("b"), 0o644))
	must(os.WriteFile(filepath.Join(dir, "d/tiny"), []byte("tiny content\n"), 0o644))
	must(os.WriteFile(filepath.Join(dir, "d/empty"), nil, 0o644))
	must(os.WriteFile(filepath.Join(dir, "d/plain"), bytes.Repeat([]byte("some lines of text\n"), 40), 0o644))
	must(os.WriteFile(filepath.Join(dir, "d/big"), bytes.Repeat([]byte{0, 1, 2, 0xff}, 80<<8), 0o755))
	must(os.Symlink("plain", filepath.Join(dir, "d/fast")))
	must(os.Symlink(strings.Repeat("m", 80), filepath.Join(dir, "d/middle")))
	must(os.Symlink(strings.Repeat("s/", 150), filepath.Join(dir, "d/slow")))
	for i := range 60 {
		must(os.WriteFile(filepath.Join(dir, fmt.Sprintf("d/sub/a-file-with-a-long-name-%02d", i)), []byte{byte(i)}, 0o644))
	}
	return dir
}

// make makes the specimen's filesystem.
func (v variant) make(t *testing.T, dir, tmp string) *specimen {
	t.Helper()
	path := filepath.Join(tmp, strings.ReplaceAll(v.name, " ", "-"))
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(int64(v.mib) << 20); err != nil {
		t.Fatal(err)
	}
	f.Close()
	args := []string{
		"-q", "-F", "-L", "root", "-d", dir, "-U", "11111111-1111-4111-8111-111111111111",
		"-E", "hash_seed=22222222-2222-4222-8222-222222222222,lazy_itable_init=0,nodiscard", "-N", "512",
	}
	run(t, "", "mkfs.ext4", append(append(args, v.args...), path)...)
	commands := "cd d\nmknod device c 5 1\nea_set plain user.small value\nea_set big user.large " + strings.Repeat("v", 400) + "\n"
	if v.name == "ea_inode" {
		huge := filepath.Join(tmp, "huge")
		if err := os.WriteFile(huge, bytes.Repeat([]byte("h"), 5000), 0o600); err != nil {
			t.Fatal(err)
		}
		commands += "ea_set -f " + huge + " tiny user.huge\n"
	}
	if v.name != "mmp" {
		debugfs(t, path, commands)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s := &specimen{variant: v, t: t, path: path, raw: raw}
	if s.fs, err = ext4.Open(bytes.NewReader(raw), int64(len(raw))); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *specimen) has(feature string) bool {
	sb := s.fs.Superblock()
	return slices.Contains(sb.FeatureNames(), feature)
}

// inode is the inode that a path leads to.
func (s *specimen) inode(path string) ext4.DiskInode {
	s.t.Helper()
	var n uint32
	if _, err := fmt.Sscanf(path, "<%d>", &n); err == nil {
		d, err := s.fs.Inode(n)
		if err != nil {
			s.t.Fatal(err)
		}
		return d
	}
	var found ext4.DiskInode
	if _, err := s.fs.Walk(func(e ext4.Entry) error {
		if e.Path == path {
			found = e.DiskInode
		}
		return nil
	}); err != nil {
		s.t.Fatal(err)
	}
	if found.Number == 0 {
		s.t.Fatalf("%s: no %s", s.name, path)
	}
	return found
}

// block is where a logical block of a file lies.
func (s *specimen) block(path string, logical uint64) int64 {
	s.t.Helper()
	for _, r := range s.fs.Map(s.inode(path)).Runs {
		if logical >= r.Logical && logical < r.Logical+r.Blocks {
			return int64(r.Physical+logical-r.Logical) * s.fs.BlockSize()
		}
	}
	s.t.Fatalf("%s: %s has no block %d", s.name, path, logical)
	return 0
}

func (s *specimen) inline(path string) bool {
	return s.inode(path).Raw.Flags()&ext4.InodeInlineData != 0
}

// freeInode is an inode that is not in use, in a group that has some.
func (s *specimen) freeInode() uint32 {
	per := s.fs.Superblock().InodesPerGroup
	for g := range s.fs.Groups() {
		bitmap, ok, err := s.fs.InodeBitmap(g)
		if err == nil && ok && bitmap[len(bitmap)-1] == 0 {
			return (g+1)*per - 3
		}
	}
	s.t.Fatal("no inode is free")
	return 0
}

// A plant is one change, and the root that it must be.
type plant struct {
	name  string
	id    func(s *specimen) string // "": does not apply
	cause report.Cause
	do    func(s *specimen, path string) // by a tool, or
	flip  func(s *specimen) int64        // of a bit of the byte there
	few   bool                           // not with every variant: no feature has to do with it
}

func TestInlineDirectoriesOfTheKernel(t *testing.T) {
	judge.Root(t)
	v := variant{"inline", []string{"-t", "ext4", "-b", "1024", "-I", "256", "-O", "inline_data,^has_journal"}, 8, true}
	s := v.make(t, matrixTree(t), t.TempDir())
	mounted(t, s.path, "mkdir kernel; touch kernel/a kernel/b kernel/"+strings.Repeat("c", 36))
	var err error
	if s.raw, err = os.ReadFile(s.path); err != nil {
		t.Fatal(err)
	}
	if s.fs, err = ext4.Open(bytes.NewReader(s.raw), int64(len(s.raw))); err != nil {
		t.Fatal(err)
	}
	d := s.inode("/kernel")
	if !s.inline("/kernel") || bytes.LastIndexByte(d.Raw, 'c') < 160 {
		t.Skip("this kernel made no inline directory with a name behind i_block")
	}
	other := bytes.Clone(s.raw)
	other[d.Offset+int64(bytes.LastIndexByte(d.Raw, 'c'))] ^= 1
	for _, pair := range [][2][]byte{{s.raw, other}, {other, s.raw}} {
		fs := memoryCompare(t, pair[0], pair[1])
		if ids := rootIDs(fs); len(ids) != 1 || !strings.HasPrefix(ids[0], "p0/ext4/directory/name:/kernel/ccc") {
			t.Errorf("roots are %v:\n%s", ids, show(fs))
		}
	}
}

func always(id string) func(*specimen) string {
	return func(*specimen) string { return "p0/ext4/" + id }
}

func when(id, feature string) func(*specimen) string {
	return func(s *specimen) string {
		if !s.has(feature) {
			return ""
		}
		return "p0/ext4/" + id
	}
}

// attributed restricts a plant to filesystems that have attributes.
func attributed(id func(*specimen) string) func(*specimen) string {
	return func(s *specimen) string {
		if !s.has("ext_attr") || s.has("mmp") {
			return ""
		}
		return id(s)
	}
}

func viaDebugfs(commands string) func(*specimen, string) {
	return func(s *specimen, path string) { debugfs(s.t, path, commands) }
}

var plants = []plant{
	{name: "label", id: always("superblock/s_volume_name"), cause: report.Content, do: func(s *specimen, p string) { run(s.t, "", "tune2fs", "-L", "other", p) }},
	{name: "uuid", id: func(s *specimen) string {
		if s.fs.Superblock().RevLevel == 0 {
			return ""
		}
		return "p0/ext4/superblock/s_uuid"
	}, cause: report.Random, do: func(s *specimen, p string) {
		run(s.t, "", "tune2fs", "-f", "-U", "99999999-1111-4111-8111-111111111111", p)
	}},
	{name: "hash seed", few: true, id: always("superblock/s_hash_seed"), cause: report.Random, do: viaDebugfs("ssv hash_seed 66666666-6666-4666-8666-66666666666a\n")},
	{name: "mtime", few: true, id: always("inode/i_mtime:/d/plain"), cause: report.Time, do: viaDebugfs("sif /d/plain mtime @1600000777\n")},
	{name: "nanoseconds", few: true, id: func(s *specimen) string {
		if s.fs.InodeSize() < 256 {
			return ""
		}
		return "p0/ext4/inode/i_mtime_extra:/d/plain"
	}, cause: report.Time, do: viaDebugfs("sif /d/plain mtime_extra 400\n")},
	{name: "mode", few: true, id: always("inode/i_mode:/d/plain"), cause: report.Content, do: viaDebugfs("sif /d/plain mode 0100755\n")},
	{name: "owner above 65535", few: true, id: always("inode/i_uid:/d/plain"), cause: report.Environment, do: viaDebugfs("sif /d/plain uid 70000\n")},
	{name: "xattr added", id: attributed(func(s *specimen) string {
		if s.fs.InodeSize() < 256 {
			return "p0/ext4/xattr-block/xattr:user.note:/d/empty"
		}
		return "p0/ext4/inode/xattr:user.note:/d/empty"
	}), cause: report.Content, do: viaDebugfs("ea_set /d/empty user.note hello\n")},
	{name: "xattr changed", id: attributed(func(s *specimen) string {
		if s.fs.InodeSize() < 256 {
			return "p0/ext4/xattr-block/xattr:user.small:/d/plain"
		}
		return "p0/ext4/inode/xattr:user.small:/d/plain"
	}), cause: report.Content, do: viaDebugfs("ea_set /d/plain user.small other\n")},
	{name: "xattr removed", few: true, id: attributed(func(s *specimen) string {
		if s.fs.InodeSize() < 256 {
			return "p0/ext4/xattr-block/xattr:user.small:/d/plain"
		}
		return "p0/ext4/inode/xattr:user.small:/d/plain"
	}), cause: report.Content, do: viaDebugfs("ea_rm /d/plain user.small\n")},
	{name: "large xattr changed", id: attributed(func(s *specimen) string {
		if s.fs.InodeSize() >= 1024 || s.inode("/d/big").Raw.FileACL() == 0 {
			return "p0/ext4/inode/xattr:user.large:/d/big"
		}
		return "p0/ext4/xattr-block/xattr:user.large:/d/big"
	}), cause: report.Content, do: viaDebugfs("ea_set /d/big user.large " + strings.Repeat("v", 399) + "w\n")},
	{name: "value in an inode", id: when("ea_inode/xattr:user.huge:/d/tiny", "ea_inode"), cause: report.Content, flip: func(s *specimen) int64 {
		attributes, _ := s.fs.Xattrs(s.inode("/d/tiny"))
		return s.block(fmt.Sprintf("<%d>", attributes[0].ValueInode), 0) + 7
	}},
	{name: "value in an inode changed", id: when("ea_inode/xattr:user.huge:/d/tiny", "ea_inode"), cause: report.Content, do: func(s *specimen, p string) {
		huge := filepath.Join(filepath.Dir(p), "huge")
		if err := os.WriteFile(huge, bytes.Repeat([]byte("i"), 5000), 0o600); err != nil {
			s.t.Fatal(err)
		}
		debugfs(s.t, p, "ea_set -f "+huge+" /d/tiny user.huge\n")
	}},
	{name: "value in an inode gone", id: when("ea_inode/xattr:user.huge:/d/tiny", "ea_inode"), cause: report.Content, do: viaDebugfs("ea_rm /d/tiny user.huge\n")},
	{name: "a file gone whose value is in an inode", id: when("directory/entry:/d/tiny", "ea_inode"), cause: report.Content, do: viaDebugfs("rm /d/tiny\n")},
	{name: "a small file", id: func(s *specimen) string {
		return "p0/ext4/data/content:/d/tiny"
	}, cause: report.Content, flip: func(s *specimen) int64 {
		if s.inline("/d/tiny") {
			return s.inode("/d/tiny").Offset + 40 + 3
		}
		return s.block("/d/tiny", 0) + 3
	}},
	{name: "a block far into a file", id: always("data/content:/d/big"), cause: report.Content, flip: func(s *specimen) int64 {
		return s.block("/d/big", uint64((80<<10)/s.fs.BlockSize())-1) + 3
	}},
	{name: "fast symlink", id: always("inode/target:/d/fast"), cause: report.Content, flip: func(s *specimen) int64 { return s.inode("/d/fast").Offset + 40 + 1 }},
	{name: "middle symlink", id: func(s *specimen) string {
		if s.inline("/d/middle") {
			return "p0/ext4/inode/target:/d/middle"
		}
		return "p0/ext4/symlink/target:/d/middle"
	}, cause: report.Content, flip: func(s *specimen) int64 {
		if s.inline("/d/middle") {
			return s.inode("/d/middle").Offset + 40 + 1
		}
		return s.block("/d/middle", 0) + 3
	}},
	{name: "end of an inline symlink", id: func(s *specimen) string {
		if !s.inline("/d/middle") {
			return ""
		}
		return "p0/ext4/inode/target:/d/middle"
	}, cause: report.Content, flip: func(s *specimen) int64 {
		d := s.inode("/d/middle")
		return d.Offset + int64(bytes.LastIndexByte(d.Raw, 'm'))
	}},
	{name: "slow symlink", id: always("symlink/target:/d/slow"), cause: report.Content, flip: func(s *specimen) int64 { return s.block("/d/slow", 0) + 3 }},
	{name: "a file more", id: always("directory/entry:/d/sub/added"), cause: report.Content, do: viaDebugfs("cd /d/sub\nwrite /dev/null added\n")},
	{name: "a name more in an inline directory", id: always("directory/entry:/few/added"), cause: report.Content, do: viaDebugfs("cd few\nln /d/plain added\n")},
	{name: "a name less in an inline directory", id: always("directory/entry:/few/b"), cause: report.Content, do: viaDebugfs("rm few/b\n")},
	{name: "a name changed in an inline directory", id: when("directory/name:/few/b", "inline_data"), cause: report.Content, flip: func(s *specimen) int64 {
		d := s.inode("/few")
		return d.Offset + int64(bytes.Index(d.Raw, []byte("\x01\x01b"))) + 2
	}},
	{name: "a file less", id: always("directory/entry:/d/big"), cause: report.Content, do: viaDebugfs("rm /d/big\n")},
	{name: "slack of a directory", id: always("directory/slack:/d/sub"), cause: report.Residue, flip: func(s *specimen) int64 {
		n := int64(s.inode("/d/sub").Raw.Size()) - s.fs.BlockSize()
		last := s.block("/d/sub", uint64(n/s.fs.BlockSize()))
		return last + s.fs.BlockSize() - 40
	}},
	{name: "a free block", id: always("free-space/content"), cause: report.Residue, flip: func(s *specimen) int64 {
		regions, _ := s.fs.Regions()
		for i := len(regions) - 1; i >= 0; i-- {
			if regions[i].Structure == ext4.FreeSpace && regions[i].Length > 4096 {
				return regions[i].End() - 2000
			}
		}
		s.t.Fatal("no free space")
		return 0
	}},
	{name: "slack of a file", id: func(s *specimen) string {
		if s.inline("/d/plain") {
			return ""
		}
		return "p0/ext4/slack/content:/d/plain"
	}, cause: report.Residue, flip: func(s *specimen) int64 { return s.block("/d/plain", 0) + 900 }},
	{name: "backup superblock", id: func(s *specimen) string {
		if s.fs.Groups() < 2 {
			return ""
		}
		return "p0/ext4/backup-superblock/s_wtime"
	}, cause: report.Time, flip: func(s *specimen) int64 {
		for g := uint32(1); ; g++ {
			if s.fs.HasSuper(g) {
				return int64(s.fs.GroupFirstBlock(g))*s.fs.BlockSize() + 0x30
			}
		}
	}},
	{name: "backup descriptor", id: func(s *specimen) string {
		if s.fs.Groups() < 2 || s.has("meta_bg") {
			return ""
		}
		return "p0/ext4/backup-group-descriptor/bg_free_inodes_count_lo"
	}, cause: report.Unknown, flip: func(s *specimen) int64 {
		for g := uint32(1); ; g++ {
			if s.fs.HasSuper(g) {
				return int64(s.fs.GroupFirstBlock(g)+1)*s.fs.BlockSize() + 0xe
			}
		}
	}},
	{name: "a descriptor's checksum", id: func(s *specimen) string {
		if !s.has("metadata_csum") && !s.has("uninit_bg") {
			return ""
		}
		return "p0/ext4/group-descriptor/bg_checksum#group-0"
	}, cause: report.Unknown, flip: func(s *specimen) int64 { return s.fs.GroupOffset(0) + 0x1e }},
	{name: "bit of an inode", id: func(s *specimen) string {
		return fmt.Sprintf("p0/ext4/inode-bitmap/bits#group-%d", (s.freeInode()-1)/s.fs.Superblock().InodesPerGroup)
	}, cause: report.Unknown, do: func(s *specimen, p string) {
		debugfs(s.t, p, fmt.Sprintf("seti <%d>\n", s.freeInode()))
	}},
	{name: "bit of a block", few: true, id: always("block-bitmap/bits#group-0"), cause: report.Unknown, do: func(s *specimen, p string) {
		regions, _ := s.fs.Regions()
		for _, r := range regions {
			if r.Structure == ext4.FreeSpace && r.Length > 65536 {
				debugfs(s.t, p, fmt.Sprintf("setb %d\n", r.End()/s.fs.BlockSize()-10))
				return
			}
		}
	}},
	{name: "journal log", id: when("journal/log", "has_journal"), cause: report.Residue, flip: func(s *specimen) int64 { return s.block("<8>", 40) + 5 }},
	{name: "journal uuid", id: when("journal/s_uuid", "has_journal"), cause: report.Random, flip: func(s *specimen) int64 { return s.block("<8>", 0) + 0x30 }},
	{name: "device number", id: func(s *specimen) string {
		if s.has("mmp") {
			return ""
		}
		return "p0/ext4/inode/i_rdev:/d/device"
	}, cause: report.Content, flip: func(s *specimen) int64 { return s.inode("/d/device").Offset + 40 }},
	{name: "orphan file", id: when("orphan-file/inodes", "orphan_file"), cause: report.Environment, flip: func(s *specimen) int64 {
		return s.block(fmt.Sprintf("<%d>", s.fs.Superblock().OrphanFileInum), 0) + 8
	}},
	{name: "quota file", id: when("quota-file/content:<3>", "quota"), cause: report.Environment, flip: func(s *specimen) int64 { return s.block("<3>", 1) + 30 }},
	{name: "quota of projects", id: when("quota-file/content:<PRJ>", "project"), cause: report.Environment, flip: func(s *specimen) int64 {
		return s.block(fmt.Sprintf("<%d>", s.fs.Superblock().PrjQuotaInum), 1) + 30
	}},
	{name: "mmp time", id: when("MMP-block/mmp_time", "mmp"), cause: report.Time, flip: func(s *specimen) int64 {
		return int64(s.fs.Superblock().MmpBlock)*s.fs.BlockSize() + 8
	}},
	{name: "mmp node", id: when("MMP-block/mmp_nodename", "mmp"), cause: report.Environment, flip: func(s *specimen) int64 {
		return int64(s.fs.Superblock().MmpBlock)*s.fs.BlockSize() + 16
	}},
	{name: "mmp sequence", id: when("MMP-block/mmp_seq", "mmp"), cause: report.Random, flip: func(s *specimen) int64 {
		return int64(s.fs.Superblock().MmpBlock)*s.fs.BlockSize() + 4
	}},
	{name: "inode flags", id: always("inode/i_flags:/d/tiny"), cause: report.Content, flip: func(s *specimen) int64 { return s.inode("/d/tiny").Offset + 32 }},
	{name: "generation", few: true, id: always("inode/i_generation:/d/tiny"), cause: report.Random, do: viaDebugfs("sif /d/tiny generation 777\n")},
}

// memoryCompare compares two images and checks the account.
func memoryCompare(t *testing.T, a, b []byte) []report.Finding {
	t.Helper()
	ctx := context.Background()
	da, db := &buffer{a}, &buffer{b}
	found, err := scan.Compare(ctx, da, db, nil)
	if err != nil {
		t.Fatal(err)
	}
	differing := int64(0)
	for at := 0; at < len(a); at += 4096 {
		x, y := a[at:at+4096], b[at:at+4096]
		if bytes.Equal(x, y) {
			continue
		}
		for i := range x {
			if x[i] != y[i] {
				differing++
			}
		}
	}
	l := ledger.New()
	side := func(d *buffer) ledger.Side {
		return ledger.Side{R: io.NewSectionReader(d, 0, d.Size()), Size: d.Size()}
	}
	res, err := Compare(ctx, l, ledger.Pair{A: side(da), B: side(db), Aligned: true, Dirty: found.Spans})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Sweep(ctx, ledger.Volume{A: da, B: db, Size: found.Size, Dirty: found.Spans}, 0, res.Owner); err != nil {
		t.Fatal(err)
	}
	fs := l.Findings()
	var sum int64
	for _, f := range fs {
		sum += f.Bytes
		if f.Structure == report.UnknownStructure {
			t.Errorf("%d bytes are unknown: %v", f.Bytes, f.Ranges)
		}
	}
	if sum != differing || found.Bytes != differing {
		t.Errorf("%d bytes differ, scan finds %d, the findings own %d", differing, found.Bytes, sum)
	}
	return fs
}

func TestOneChangeIsOneRootWithEveryFeature(t *testing.T) {
	dir, tmp := matrixTree(t), t.TempDir()
	for _, v := range variants {
		if testing.Short() && !v.short {
			continue
		}
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			s := v.make(t, dir, tmp)
			for _, p := range plants {
				id := p.id(s)
				if p.few && !v.short {
					continue
				}
				if id == "" || p.do != nil && s.has("mmp") { // the tools wait eleven seconds for the latter
					continue
				}
				id = strings.ReplaceAll(id, "<PRJ>", fmt.Sprintf("<%d>", s.fs.Superblock().PrjQuotaInum))
				t.Run(p.name, func(t *testing.T) {
					s.t = t
					other := s.planted(t, p)
					for _, dir := range [][2][]byte{{s.raw, other}, {other, s.raw}} {
						fs := memoryCompare(t, dir[0], dir[1])
						var roots []report.Finding
						for _, f := range fs {
							if !f.Derived {
								roots = append(roots, f)
							}
						}
						if strings.Contains(id, "/name:") && len(roots) == 1 && roots[0].A == "r" {
							roots[0].ID = id // which has the name in the first image
						}
						if len(roots) != 1 || roots[0].ID != id || roots[0].Cause != p.cause {
							t.Errorf("want one root %s, %s; have\n%s", id, p.cause, show(fs))
						}
					}
				})
			}
		})
	}
}

// planted is the specimen's image with the change.
func (s *specimen) planted(t *testing.T, p plant) []byte {
	t.Helper()
	if p.flip != nil {
		out := bytes.Clone(s.raw)
		out[p.flip(s)] ^= 0x10
		return out
	}
	path := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(path, s.raw, 0o600); err != nil {
		t.Fatal(err)
	}
	p.do(s, path)
	out, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestWhatTheKernelLoggedFollowsFromWhatItIsACopyOf(t *testing.T) {
	judge.Root(t)
	v := variant{"logged", []string{"-t", "ext4", "-b", "4096", "-I", "256"}, 32, true}
	tmp := t.TempDir()
	s := v.make(t, matrixTree(t), tmp)
	a, b := filepath.Join(tmp, "a"), filepath.Join(tmp, "b")
	copyFile(t, s.path, a)
	copyFile(t, s.path, b)
	mounted(t, a, "chmod 600 d/plain; sync; chown 7 d/tiny")
	mounted(t, b, "chmod 640 d/plain; sync; chown 8 d/tiny")
	fs := compareFiles(t, a, b)
	found := false
	for _, f := range fs {
		if f.Field == "logged copy" && f.Derived && f.Bytes > 10 {
			found = true
		}
		if strings.HasPrefix(f.Structure, "journal") && !f.Derived && f.Field != "h_commit_sec" {
			t.Errorf("%s is a root", f.ID)
		}
	}
	if !found {
		t.Errorf("no copies:\n%s", show(fs))
	}
}
