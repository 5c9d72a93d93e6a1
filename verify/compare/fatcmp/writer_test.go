package fatcmp

import (
	"bytes"
	"context"
	"testing"

	"github.com/reprodisk/reprodisk/internal/mkfs/mkfat"
	"github.com/reprodisk/reprodisk/internal/ondisk/fat"
	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/report"
)

type memory []byte

type memoryReader struct{ *bytes.Reader }

func (memoryReader) Close() error { return nil }

func (m memory) Open() (tree.Reader, error) { return memoryReader{bytes.NewReader(m)}, nil }

func (d disk) WriteAt(p []byte, off int64) (int, error) { return copy(d[off:], p), nil }

func node(name string, mode uint32, content string) *tree.Node {
	when := tree.Time{Sec: 1_700_000_000}
	n := &tree.Node{Name: name, Inode: &tree.Inode{Mode: mode | 0o755, Atime: when, Mtime: when, Ctime: when, Btime: when}}
	if mode == tree.Regular {
		n.Size, n.Content = int64(len(content)), memory(content)
	}
	return n
}

// writtenDisk makes a filesystem with our own writer, after change had its way.
func writtenDisk(t *testing.T, v fat.Variant, change func(root *tree.Node, o *mkfat.Options)) disk {
	t.Helper()
	root := node("", tree.Directory, "")
	efi := node("EFI", tree.Directory, "")
	root.Add(efi)
	root.Add(node("config.txt", tree.Regular, "key=value\n"))
	root.Add(node("zImage with a long name", tree.Regular, string(bytes.Repeat([]byte("kernel"), 3000))))
	efi.Add(node("BOOTX64.EFI", tree.Regular, string(bytes.Repeat([]byte{1, 2, 0, 255}, 700))))
	o := mkfat.Options{Size: 8 << 20, Type: v, VolumeID: 0xCAFE0123, Label: "WRITTEN", Epoch: tree.Time{Sec: 1_700_000_000}}
	switch v {
	case fat.FAT16:
		o.Size = 20 << 20
	case fat.FAT32:
		o.Size, o.SectorsPerCluster = 40<<20, 1
	}
	change(root, &o)
	d := make(disk, o.Size)
	if _, err := mkfat.Write(context.Background(), d, root, o); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestOneOptionIsOneRoot(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(root *tree.Node, o *mkfat.Options)
		id     string
		cause  report.Cause
	}{
		{"volume id", func(_ *tree.Node, o *mkfat.Options) { o.VolumeID++ }, "p0/fat/boot-sector/BS_VolID", report.Random},
		{"label", func(_ *tree.Node, o *mkfat.Options) { o.Label = "OTHER" }, "p0/fat/boot-sector/BS_VolLab", report.Content},
		{"no label", func(_ *tree.Node, o *mkfat.Options) { o.Label = "" }, "p0/fat/boot-sector/BS_VolLab", report.Content},
		{"hidden sectors", func(_ *tree.Node, o *mkfat.Options) { o.HiddenSectors = 2048 }, "p0/fat/boot-sector/BPB_HiddSec", report.Environment},
		{"OEM name", func(_ *tree.Node, o *mkfat.Options) { o.OEMName = "other" }, "p0/fat/boot-sector/BS_OEMName", report.Environment},
		{"content", func(r *tree.Node, _ *mkfat.Options) { r.Child("config.txt").Content = memory("key=Value\n") }, "p0/fat/data/content:/config.txt", report.Content},
		{"a first file more", func(r *tree.Node, _ *mkfat.Options) { r.Add(node("AAA", tree.Regular, string(make([]byte, 9000)))) }, "p0/fat/directory/entry:/AAA", report.Content},
		{"a grown first file", func(r *tree.Node, _ *mkfat.Options) {
			f := r.Child("EFI").Child("BOOTX64.EFI")
			f.Content, f.Size = memory(bytes.Repeat([]byte("x"), 90_000)), 90_000
		}, "p0/fat/data/content:/EFI/BOOTX64.EFI", report.Content},
		{"a directory for a file", func(r *tree.Node, _ *mkfat.Options) { r.Add(node("config.txt", tree.Directory, "")) }, "p0/fat/directory/DIR_Attr:/config.txt", report.Content},
		{"many files more", func(r *tree.Node, _ *mkfat.Options) {
			d := node("EFI", tree.Directory, "")
			for i := range 200 {
				d.Add(node(string(rune('a'+i/26))+string(rune('a'+i%26))+" with quite a long name", tree.Regular, "x"))
			}
			r.Add(d)
		}, "", report.Content},
		{"cluster size", func(_ *tree.Node, o *mkfat.Options) { o.SectorsPerCluster = 8 }, "p0/fat/boot-sector/BPB_SecPerClus", report.Environment},
	} {
		for _, v := range []fat.Variant{fat.FAT12, fat.FAT16, fat.FAT32} {
			if c.name == "cluster size" && v != fat.FAT12 { // of 8 MiB, which then still has clusters enough
				continue
			}
			base := writtenDisk(t, v, func(*tree.Node, *mkfat.Options) {})
			other := writtenDisk(t, v, c.change)
			for _, pair := range [][2]disk{{base, other}, {other, base}} {
				fs, _ := compareDisks(t, pair[0], pair[1], true)
				noUnknown(t, fs)
				roots := rootsOf(fs)
				if c.id == "" { // one root a file
					for _, f := range roots {
						if f.Structure != "directory" || f.Field != "entry" {
							t.Errorf("%v, %s: another root %s", v, c.name, f.ID)
						}
					}
					continue
				}
				if len(roots) != 1 || roots[0].ID != c.id || roots[0].Cause != c.cause {
					t.Errorf("%v, %s: want one root %s, %s; have\n%s", v, c.name, c.id, c.cause, show(fs))
				}
			}
		}
	}
}

// Two sizes, two variants: the sides agree in nearly nothing, and still every
// byte is somebody's.
func TestOtherGeometryIsAccountedFor(t *testing.T) {
	nothing := func(*tree.Node, *mkfat.Options) {}
	for _, c := range []struct {
		name string
		a, b disk
	}{
		{"size", writtenDisk(t, fat.FAT16, nothing), writtenDisk(t, fat.FAT16, func(_ *tree.Node, o *mkfat.Options) { o.Size = 40 << 20 })},
		{"variant", writtenDisk(t, fat.FAT12, nothing), writtenDisk(t, fat.FAT16, nothing)},
		{"width", writtenDisk(t, fat.FAT16, nothing), writtenDisk(t, fat.FAT32, nothing)},
	} {
		for _, pair := range [][2]disk{{c.a, c.b}, {c.b, c.a}} {
			fs, _ := compareDisks(t, pair[0], pair[1], true)
			noUnknown(t, fs)
			for _, f := range rootsOf(fs) {
				if f.Structure != fat.StructBoot {
					t.Errorf("%s: a root other than the boot sector's:\n%s", c.name, show(fs))
					break
				}
			}
		}
	}
}
