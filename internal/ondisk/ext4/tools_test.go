package ext4

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/ondisk/field"
)

// dumpe2fs' header lines, and what the superblock's declaration makes of them.
func TestDumpe2fsSaysTheSame(t *testing.T) {
	for _, set := range featureSets {
		t.Run(set.name, func(t *testing.T) {
			image := newImage(t, set.mib, append([]string{"-L", "a label", "-m", "3"}, set.args...)...)
			fs := openImage(t, image)
			s := fs.Superblock()
			said := map[string]string{}
			groups := 0
			for line := range strings.Lines(judge.Must(t, "dumpe2fs", image)) {
				if k, v, ok := strings.Cut(line, ":"); ok && said[k] == "" {
					said[k] = strings.TrimSpace(v)
				}
				if strings.HasPrefix(line, "Group ") && strings.Contains(line, "(Blocks ") {
					groups++
				}
			}
			u := func(v uint64) string { return strconv.FormatUint(v, 10) }
			want := map[string]string{
				"Filesystem volume name": field.ShowText(s.VolumeName[:]),
				"Filesystem UUID":        field.ShowUUID(s.UUID[:]),
				"Filesystem features":    strings.Join(sortFeatures(s.FeatureNames()), " "),
				"Inode count":            u(uint64(s.InodesCount)),
				"Block count":            u(s.BlocksCount()),
				"Reserved block count":   u(s.RBlocksCount()),
				"Free blocks":            u(s.FreeBlocksCount()),
				"Free inodes":            u(uint64(s.FreeInodesCount)),
				"First block":            u(uint64(s.FirstDataBlock)),
				"Block size":             u(uint64(fs.BlockSize())),
				"Blocks per group":       u(uint64(s.BlocksPerGroup)),
				"Inodes per group":       u(uint64(s.InodesPerGroup)),
				"Inode size":             u(uint64(fs.InodeSize())),
				"First inode":            u(uint64(s.FirstInode())),
				"Directory Hash Seed":    field.ShowUUID(s.HashSeed[:]),
				"Default directory hash": HashVersion(s.DefHashVersion).String(),
			}
			if s.HasRoCompat(RoCompatMetadataCsum) {
				want["Checksum"] = fmt.Sprintf("0x%08x", s.Checksum)
			}
			if s.HasIncompat(IncompatCsumSeed) {
				want["Checksum seed"] = fmt.Sprintf("0x%08x", fs.seed)
			}
			for k, v := range want {
				if k == "Filesystem features" {
					said[k] = strings.Join(sortFeatures(strings.Fields(said[k])), " ")
				}
				if said[k] != v {
					t.Errorf("%s: dumpe2fs says %q, we %q", k, said[k], v)
				}
			}
			if groups != int(fs.Groups()) {
				t.Errorf("dumpe2fs lists %d groups, we %d", groups, fs.Groups())
			}
			checkHealthy(t, fs)
		})
	}
}

func sortFeatures(in []string) []string {
	out := append([]string{}, in...)
	for i := range out {
		for j := i; j > 0 && out[j] < out[j-1]; j-- {
			out[j], out[j-1] = out[j-1], out[j]
		}
	}
	return out
}

// Trees that mke2fs writes itself, with blocks that a kernel may not mount.
func TestTreesOfMke2fsAreRead(t *testing.T) {
	src := t.TempDir()
	want := map[string]string{}
	for i := range 300 {
		dir := filepath.Join(src, fmt.Sprintf("dir-%d", i%7), "sub")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(dir, fmt.Sprintf("file %d", i))
		text := strings.Repeat(fmt.Sprintf("content %d\n", i), i*i/10)
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		want[strings.TrimPrefix(name, src)] = text
	}
	for _, args := range [][]string{
		{"-b", "4096"},
		{"-b", "65536"},
		{"-b", "65536", "-O", "^metadata_csum,^extent,^64bit"},
		{"-b", "1024", "-O", "^extent,^64bit"},
		{"-t", "ext2", "-b", "2048", "-r", "0"},
		{"-O", "inline_data", "-I", "1024"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			image := newImage(t, 160, append([]string{"-d", src}, args...)...)
			fs := openImage(t, image)
			found := 0
			ps, err := fs.Walk(func(e Entry) error {
				text, ok := want[e.Path]
				if !ok {
					return nil
				}
				found++
				f := fs.OpenFile(e.DiskInode)
				b := make([]byte, f.Size())
				if len(b) > 0 {
					if _, err := f.ReadAt(b, 0); err != nil {
						return err
					}
				}
				if string(b) != text {
					t.Errorf("%s: content differs", e.Path)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range ps {
				t.Errorf("walk: %v", p)
			}
			if found != len(want) {
				t.Errorf("found %d of %d files", found, len(want))
			}
			checkHealthy(t, fs)
		})
	}
}

// A primary superblock of garbage leaves the backup.
func TestBackupSuperblockIsTaken(t *testing.T) {
	for _, bs := range []string{"1024", "4096"} {
		mib := int64(200)
		image := newImage(t, mib, "-b", bs)
		f, err := os.OpenFile(image, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteAt(make([]byte, 3072), 1024); err != nil {
			t.Fatal(err)
		}
		fs, err := Open(f, mib<<20)
		if err != nil {
			t.Fatalf("blocks of %s bytes: %v", bs, err)
		}
		if w := fs.Warnings(); len(w) != 1 || !strings.Contains(w[0].Text, "backup") {
			t.Errorf("blocks of %s bytes: warnings %v", bs, w)
		}
		if _, err := fs.Walk(func(Entry) error { return nil }); err != nil {
			t.Errorf("blocks of %s bytes: %v", bs, err)
		}
		checkRegions(t, fs)
	}
}

func TestNoFilesystemIsOneLine(t *testing.T) {
	for _, n := range []int64{0, 1024, 2047, 2048, 1 << 20} {
		_, err := Open(strings.NewReader(strings.Repeat("\x00", int(n))), n)
		if err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%d zeros: %v", n, err)
		}
	}
}
