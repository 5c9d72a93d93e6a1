package btrfscmp

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/judge/sametree"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/comparetest"
)

const uuid = "11111111-2222-3333-4444-555555555555"

// made is an image that mkfs.btrfs makes.
func made(t testing.TB, args ...string) string {
	t.Helper()
	image := filepath.Join(t.TempDir(), "made.img")
	f, err := os.Create(image)
	must(t, err)
	must(t, f.Truncate(128<<20))
	must(t, f.Close())
	judge.Must(t, "mkfs.btrfs", append(args, "-q", image)...)
	return image
}

// drawn are the findings that any two runs of mkfs.btrfs 6.2 differ in. Where a
// second begins between or in them, times do too, and those of the source, which
// the first run has read.
var drawn = []string{"p0/btrfs/superblock/dev_item.uuid", "p0/btrfs/node-header/chunk_tree_uuid", "p0/btrfs/root-tree/root_item.uuid"}

// wantMade checks the root findings of two runs of mkfs.btrfs: those that are
// wanted, and those that it draws.
func wantMade(t *testing.T, a, b string, want ...string) {
	t.Helper()
	fs := comparetest.Files(t, Compare, a, b)
	var got []string
	for _, f := range fs {
		if !f.Derived && f.Cause != report.Time {
			got = append(got, f.ID)
		}
	}
	want = append(want, drawn...)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("root findings:\n%s\nwant:\n%s\nall:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"), comparetest.Show(fs))
	}
}

// TestTwoRunsOfMkfs differ in what it draws, and what it has left over.
func TestTwoRunsOfMkfs(t *testing.T) {
	dir := comparetest.SampleTree(t)
	a := made(t, "-U", uuid, "--rootdir", dir)
	wantMade(t, a, made(t, "-U", uuid, "--rootdir", dir))
	wantMade(t, a, made(t, "-U", uuid, "--rootdir", dir, "-L", "label"), "p0/btrfs/superblock/label")
	wantMade(t, a, made(t, "--rootdir", dir), "p0/btrfs/superblock/fsid")
	comparetest.Write("etc/text.conf", "another text\n")(t, dir)
	wantMade(t, a, made(t, "-U", uuid, "--rootdir", dir), "p0/btrfs/data/content:/etc/text.conf")
}

// TestOtherOptionsOfMkfs are the causes of all that they change.
func TestOtherOptionsOfMkfs(t *testing.T) {
	dir := comparetest.SmallTree(t)
	a := made(t, "-U", uuid, "--rootdir", dir)
	wantMade(t, a, made(t, "-U", uuid, "--rootdir", dir, "--csum", "xxhash"), "p0/btrfs/superblock/csum_type")
	wantMade(t, a, made(t, "-U", uuid, "--rootdir", dir, "-n", "4096"), "p0/btrfs/superblock/nodesize")
	wantMade(t, a, made(t, "-U", uuid, "--rootdir", dir, "-O", "^no-holes"), "p0/btrfs/superblock/incompat_flags")
}

// TestWhatTheKernelChanged: subvolumes, snapshots and compressed files.
func TestWhatTheKernelChanged(t *testing.T) {
	judge.Root(t)
	image := made(t)
	t.Run("fill", func(t *testing.T) {
		folder := sametree.Mounted(t, "btrfs", image, "rw,compress-force=zstd")
		judge.Must(t, "btrfs", "subvolume", "create", filepath.Join(folder, "sub"))
		must(t, os.WriteFile(filepath.Join(folder, "sub/text"), bytes.Repeat([]byte("a line of text\n"), 20000), 0o644))
		must(t, os.WriteFile(filepath.Join(folder, "sub/other"), sametree.Noise(1, 500_000), 0o644))
		judge.Must(t, "btrfs", "filesystem", "sync", folder)
		judge.Must(t, "btrfs", "subvolume", "snapshot", filepath.Join(folder, "sub"), filepath.Join(folder, "snap"))
	})
	before := read(t, image)
	compared(t, before, bytes.Clone(before))
	t.Run("change", func(t *testing.T) {
		folder := sametree.Mounted(t, "btrfs", image, "rw,noatime,compress-force=zstd")
		must(t, os.WriteFile(filepath.Join(folder, "snap/text"), bytes.Repeat([]byte("another line of text\n"), 20000), 0o644))
		must(t, os.Remove(filepath.Join(folder, "sub/other")))
	})
	fs := compared(t, before, read(t, image))
	comparetest.WantRoots(t, fs, "p0/btrfs/directory/entry:/sub/other", "p0/btrfs/data/content:/snap/text")
}
