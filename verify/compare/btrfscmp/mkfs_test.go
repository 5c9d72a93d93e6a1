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

// TestWhatTheKernelChanged: subvolumes, snapshots, compressed files, quotas, and
// what is written in another way by other options.
func TestWhatTheKernelChanged(t *testing.T) {
	judge.Root(t)
	for _, c := range []struct{ args, options string }{
		{"", "compress-force=zstd"},
		{"-M --csum sha256", "compress-force=zlib"},
		{"-m single -n 4096 -R ^free-space-tree", "compress-force=lzo,space_cache=v1"},
	} {
		t.Run(c.args, func(t *testing.T) {
			image := made(t, strings.Fields(c.args)...)
			mounted := func(name string, do func(in func(string) string)) {
				done := false
				t.Run(name, func(t *testing.T) {
					// No transaction ends by the clock, which would end a log.
					folder := sametree.Mounted(t, "btrfs", image, "rw,noatime,commit=3600,"+c.options)
					do(func(name string) string { return filepath.Join(folder, name) })
					done = true
				})
				if !done {
					t.SkipNow() // the kernel knows no btrfs, or it has failed
				}
			}
			text := bytes.Repeat([]byte("a line of text\n"), 20000)
			mounted("fill", func(in func(string) string) {
				judge.Must(t, "btrfs", "subvolume", "create", in("sub"))
				must(t, os.WriteFile(in("sub/text"), text, 0o644))
				must(t, os.WriteFile(in("sub/other"), sametree.Noise(1, 500_000), 0o644))
				must(t, os.WriteFile(in("noise"), sametree.Noise(2, 500_000), 0o644))
				judge.Must(t, "btrfs", "quota", "enable", in(""))
				judge.Must(t, "btrfs", "filesystem", "sync", in(""))
				judge.Must(t, "btrfs", "subvolume", "snapshot", in("sub"), in("snap"))
			})
			before := sparseCopy(t, image)
			if fs := comparetest.Files(t, Compare, before, image); len(fs) > 0 {
				t.Errorf("equal images:\n%s", comparetest.Show(fs))
			}
			var logged string
			mounted("change", func(in func(string) string) {
				f, err := os.OpenFile(in("noise"), os.O_WRONLY, 0)
				must(t, err)
				_, err = f.WriteAt([]byte("changed"), 200_000)
				must(t, err)
				must(t, f.Sync()) // which writes a log only
				must(t, f.Close())
				logged = sparseCopy(t, image)
				must(t, os.WriteFile(in("snap/text"), append(text, text...), 0o644))
				must(t, os.Remove(in("sub/other")))
			})
			x, y := read(t, before), read(t, logged)
			fs, warnings, _ := comparetest.Bytes(t, Compare, x, y)
			if len(warnings) != 1 || !strings.Contains(warnings[0], "second image: its log was not replayed") {
				t.Errorf("warnings: %q", warnings)
			}
			comparetest.WantRoots(t, fs, "p0/btrfs/superblock/log_root")
			want := []string{"p0/btrfs/data/content:/noise", "p0/btrfs/data/content:/snap/text", "p0/btrfs/directory/entry:/sub/other"}
			fs = comparetest.Files(t, Compare, before, image)
			got := comparetest.Roots(fs)
			if slices.Sort(got); !slices.Equal(got, want) {
				t.Errorf("root findings: %q\n%s", got, comparetest.Show(fs))
			}
		})
	}
}

// sparseCopy copies an image, with a hole for each of its blocks of zeros.
func sparseCopy(t *testing.T, image string) string {
	t.Helper()
	b := read(t, image)
	path := filepath.Join(t.TempDir(), "copy.img")
	f, err := os.Create(path)
	must(t, err)
	defer f.Close()
	must(t, f.Truncate(int64(len(b))))
	const block = 64 << 10
	zeros := make([]byte, block)
	for at := 0; at < len(b); at += block {
		if part := b[at:min(at+block, len(b))]; !bytes.Equal(part, zeros[:len(part)]) {
			_, err := f.WriteAt(part, int64(at))
			must(t, err)
		}
	}
	return path
}
