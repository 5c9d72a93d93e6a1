package ext4

import (
	"testing"

	"github.com/reprodisk/reprodisk/internal/tree"
)

// Offsets from the kernel's documentation of the structures.
func TestOffsetsAreTheSpecifications(t *testing.T) {
	for _, c := range []struct {
		what      string
		got, want int
	}{
		{"superblock", SuperblockLayout.Size(), 1024},
		{"s_magic", mustOffset(SuperblockLayout.Named("s_magic")), 0x38},
		{"s_uuid", mustOffset(SuperblockLayout.Named("s_uuid")), 0x68},
		{"s_hash_seed", mustOffset(SuperblockLayout.Named("s_hash_seed")), 0xEC},
		{"s_mkfs_time", mustOffset(SuperblockLayout.Named("s_mkfs_time")), 0x108},
		{"s_blocks_count_hi", mustOffset(SuperblockLayout.Named("s_blocks_count_hi")), 0x150},
		{"s_checksum_type", mustOffset(SuperblockLayout.Named("s_checksum_type")), 0x175},
		{"s_kbytes_written", mustOffset(SuperblockLayout.Named("s_kbytes_written")), 0x178},
		{"s_error_count", mustOffset(SuperblockLayout.Named("s_error_count")), 0x194},
		{"s_mount_opts", mustOffset(SuperblockLayout.Named("s_mount_opts")), 0x200},
		{"s_checksum_seed", mustOffset(SuperblockLayout.Named("s_checksum_seed")), 0x270},
		{"s_encoding", mustOffset(SuperblockLayout.Named("s_encoding")), 0x27C},
		{"s_orphan_file_inum", mustOffset(SuperblockLayout.Named("s_orphan_file_inum")), 0x280},
		{"s_checksum", mustOffset(SuperblockLayout.Named("s_checksum")), 0x3FC},
		{"group descriptor", GroupDescLayout.Size(), 64},
		{"bg_checksum", mustOffset(GroupDescLayout.Named("bg_checksum")), 0x1E},
		{"bg_inode_table_hi", mustOffset(GroupDescLayout.Named("bg_inode_table_hi")), 0x28},
		{"inode", InodeLayout.Size(), 160},
		{"i_block", mustOffset(InodeLayout.Named("i_block")), 0x28},
		{"i_checksum_lo", mustOffset(InodeLayout.Named("i_checksum_lo")), 0x7C},
		{"i_crtime", mustOffset(InodeLayout.Named("i_crtime")), 0x90},
		{"i_projid", mustOffset(InodeLayout.Named("i_projid")), 0x9C},
		{"extent header", ExtentHeaderLayout.Size(), 12},
		{"extent", ExtentLayout.Size(), 12},
		{"extent index", ExtentIdxLayout.Size(), 12},
		{"dir entry", DirEntryLayout.Size(), DirEntryHeaderSize},
		{"dir tail", DirEntryTailLayout.Size(), DirTailSize},
		{"dx root", DxRootLayout.Size(), DxRootSize},
		{"dx node", DxNodeLayout.Size(), DxNodeSize},
		{"dx entry", DxEntryLayout.Size(), DxEntrySize},
		{"dx tail", DxTailLayout.Size(), DxTailSize},
		{"xattr header", XattrHeaderLayout.Size(), XattrHeaderSize},
		{"xattr entry", XattrEntryLayout.Size(), XattrEntrySize},
		{"journal superblock", JournalSuperblockLayout.Size(), JournalSuperblockSize},
		{"journal s_uuid", mustOffset(JournalSuperblockLayout.Named("s_uuid")), 0x30},
		{"journal s_checksum", mustOffset(JournalSuperblockLayout.Named("s_checksum")), 0xFC},
		{"journal tag", JournalTagLayout.Size(), 12},
		{"journal tag 3", JournalTag3Layout.Size(), 16},
		{"h_commit_sec", mustOffset(JournalCommitLayout.Named("h_commit_sec")), 0x30},
		{"mmp", MMPLayout.Size(), 1024},
	} {
		if c.got != c.want {
			t.Errorf("%s: %#x, the specification says %#x", c.what, c.got, c.want)
		}
	}
}

func TestTimesRoundTrip(t *testing.T) {
	for _, s := range []int64{-1 << 31, -1, 0, 1, 1<<31 - 1, 1 << 31, 1<<32 - 1, 1 << 32, 1<<33 + 5, 1<<34 - 1<<31 - 1} {
		want := tree.Time{Sec: s, Nsec: 999_999_999}
		if got := DecodeTime(EncodeTime(want)); got != want {
			t.Errorf("%v comes back as %v", want, got)
		}
	}
	for _, c := range [][2]int64{{-1<<31 - 1, -1 << 31}, {1<<34 - 1<<31, 1<<34 - 1<<31 - 1}} {
		if got := DecodeTime(EncodeTime(tree.Time{Sec: c[0], Nsec: 7})); got != (tree.Time{Sec: c[1]}) {
			t.Errorf("%d is stored as %v, want second %d", c[0], got, c[1])
		}
	}
}

func TestRecLenRoundTrips(t *testing.T) {
	for _, bs := range []int{1024, 4096, 65536} {
		for n := 12; n <= bs; n += 4 {
			if got := DecodeRecLen(EncodeRecLen(n, bs), bs); got != n {
				t.Fatalf("block size %d: rec_len %d comes back as %d", bs, n, got)
			}
		}
	}
}
