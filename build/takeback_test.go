package build

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/build/partition"
	"github.com/reprodisk/reprodisk/build/spec"
	"github.com/reprodisk/reprodisk/internal/judge"
)

// finished builds with a stand-in for the guest.
func finished(t *testing.T, dir, text, out string, instead func(*os.File, partition.Layout) error) (Result, []string, error) {
	t.Helper()
	s, err := spec.Parse(filepath.Join(dir, "test.yaml"), []byte(text))
	must(t, err)
	var warnings []string
	r, err := Build(t.Context(), s, Options{
		OutDir: out, Warn: func(w string) { warnings = append(warnings, w) },
		Guest: GuestOptions{instead: instead},
	})
	return r, warnings, err
}

func digestOfFile(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	must(t, err)
	defer f.Close()
	d, err := digestOf(f)
	must(t, err)
	return d
}

// TestWhatAGuestLeavesAloneIsAsWithoutIt: reading back and writing anew are
// each other's inverse.
func TestWhatAGuestLeavesAloneIsAsWithoutIt(t *testing.T) {
	for _, layout := range layouts {
		t.Run(layout, func(t *testing.T) {
			w := worlds(t)[0]
			text := everything(layout)
			plain := build(t, w.dir, text, t.TempDir())
			idle, warnings, err := finished(t, w.dir, text, t.TempDir(), func(*os.File, partition.Layout) error { return nil })
			must(t, err)
			if digestOfFile(t, plain.Image) != digestOfFile(t, idle.Image) {
				t.Error("the image is another one")
			}
			if len(warnings) > 0 {
				t.Error(warnings)
			}
		})
	}
}

// TestAKernelsWritesComeOutTheSame has a kernel write to the root filesystem,
// and code put between the partitions.
func TestAKernelsWritesComeOutTheSame(t *testing.T) {
	judge.Root(t)
	dir := sources(t)
	code := bytes.Repeat([]byte("code"), 3000)
	first := ""
	for round := range 2 {
		r, _, err := finished(t, dir, specText("legacy"), t.TempDir(), func(disk *os.File, l partition.Layout) error {
			path := fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), disk.Fd())
			folder, umount := mountRoot(t, path, l.Root())
			for i := range 40 + 13*round { // other places each time
				must(t, os.WriteFile(filepath.Join(folder, fmt.Sprint("scratch", i)), code, 0o600))
			}
			must(t, os.MkdirAll(filepath.Join(folder, "boot/grub"), 0o755))
			must(t, os.WriteFile(filepath.Join(folder, "boot/grub/grub.cfg"), code, 0o600))
			must(t, os.Chown(filepath.Join(folder, "home/alice"), 7, 8))
			for i := range 40 + 13*round {
				must(t, os.Remove(filepath.Join(folder, fmt.Sprint("scratch", i))))
			}
			umount()
			_, err := disk.WriteAt(code, partition.SectorSize)
			return err
		})
		must(t, err)
		d := digestOfFile(t, r.Image)
		if round > 0 && d != first {
			t.Error("two rounds, two images")
		}
		first = d
		root := cut(t, r.Image, r.Layout.Root())
		judge.Must(t, "e2fsck", "-fn", root)
		if out := judge.Must(t, "debugfs", "-R", "stat /home/alice", root); !strings.Contains(out, "User:     7   Group:     8") {
			t.Error(out)
		}
		if out := judge.Must(t, "debugfs", "-R", "cat /boot/grub/grub.cfg", root); out != string(code) {
			t.Error("the guest's file is another one")
		}
		f, err := os.Open(r.Image)
		must(t, err)
		got := make([]byte, len(code))
		_, err = f.ReadAt(got, partition.SectorSize)
		must(t, errors.Join(err, f.Close()))
		if !bytes.Equal(got, code) {
			t.Error("what lies between the partitions is lost")
		}
	}
}

// TestWhatMustNotMove is refused by name, or told.
func TestWhatMustNotMove(t *testing.T) {
	dir := sources(t)
	record := func(at int64, b ...byte) func(*os.File, partition.Layout) error {
		return func(disk *os.File, _ partition.Layout) error {
			_, err := disk.WriteAt(b, at)
			return err
		}
	}
	grub := func(sector func(partition.Layout) uint64) func(*os.File, partition.Layout) error {
		return func(disk *os.File, l partition.Layout) error {
			code := make([]byte, 440)
			copy(code[0x180:], "GRUB \x00Geom\x00Hard Disk\x00Read\x00 Error\r\n\x00")
			binary.LittleEndian.PutUint64(code[0x5c:], sector(l))
			_, err := disk.WriteAt(code, 0)
			return err
		}
	}
	list := func(first uint64, count uint16) func(*os.File, partition.Layout) error {
		return func(disk *os.File, l partition.Layout) error {
			if err := grub(func(partition.Layout) uint64 { return 1 })(disk, l); err != nil {
				return err
			}
			_, err := disk.WriteAt(binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint64(nil, first), count), 512+500)
			return err
		}
	}
	for _, c := range []struct {
		name    string
		do      func(*os.File, partition.Layout) error
		want    string // in the error
		warning string
	}{
		{"embedded", grub(func(partition.Layout) uint64 { return 1 }), "", ""},
		{"in a filesystem", grub(func(l partition.Layout) uint64 { return l.Root().StartLBA + 77 }), "in partition 1 (root), where it moves", ""},
		{"behind the disk", grub(func(l partition.Layout) uint64 { return uint64(l.DiskSize) }), "behind the end of the disk", ""},
		{"a list in the gap", list(2, 60), "", ""},
		{"a list into a filesystem", list(2000, 60), "2048 for one, in partition 1 (root)", ""},
		{"LILO", record(6, []byte("LILO")...), "LILO in the boot record", ""},
		{"unknown code", record(0, 0xfa, 0xeb), "", "not GRUB's"},
		{"another table", record(446, 0x80), "the partition table was changed in the guest", ""},
		{"another signature", record(440, 1, 2, 3, 4), "the partition table was changed in the guest", ""},
		{"a damaged filesystem", record(1<<20+1024+56, 0, 0), "the root filesystem cannot be written anew", ""},
		{"a boot sector", record(1<<20, 0xeb, 0x3c), "a boot loader stands in its first sectors", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := t.TempDir()
			_, warnings, err := finished(t, dir, specText("legacy"), out, c.do)
			if c.want != "" {
				oneLine(t, err, c.want, "test.yaml", "--keep-guest-disk")
				nothing(t, out)
				return
			}
			must(t, err)
			if c.warning == "" && len(warnings) > 0 || !strings.Contains(strings.Join(warnings, ""), c.warning) {
				t.Errorf("warnings: %q", warnings)
			}
		})
	}
	t.Run("GPT", func(t *testing.T) {
		for _, at := range []int64{512 + 56, 2*512 + 56, -512 + 56} {
			_, _, err := finished(t, dir, specText("legacy+gpt"), t.TempDir(), func(disk *os.File, l partition.Layout) error {
				if at < 0 {
					at += l.DiskSize
				}
				_, err := disk.WriteAt([]byte{0xaa}, at)
				return err
			})
			oneLine(t, err, "the partition table was changed in the guest")
		}
	})
}

// TestAnImageThatIsKeptAsItIs, with --keep-guest-disk and without
// deterministic: what was written is there.
func TestAnImageThatIsKeptAsItIs(t *testing.T) {
	dir := sources(t)
	for _, kept := range []bool{true, false} {
		text := specText("legacy")
		if !kept {
			text += "deterministic: false\n"
		}
		s, err := spec.Parse(filepath.Join(dir, "test.yaml"), []byte(text))
		must(t, err)
		r, err := Build(t.Context(), s, Options{OutDir: t.TempDir(), Guest: GuestOptions{KeepDisk: kept, instead: func(disk *os.File, l partition.Layout) error {
			_, err := disk.WriteAt([]byte("mark"), l.Root().Offset())
			return err
		}}})
		must(t, err)
		f, err := os.Open(r.Image)
		must(t, err)
		got := make([]byte, 4)
		_, err = io.ReadFull(io.NewSectionReader(f, r.Layout.Root().Offset(), 4), got)
		must(t, errors.Join(err, f.Close()))
		if string(got) != "mark" {
			t.Errorf("kept %v: %q", kept, got)
		}
		judge.Must(t, "e2fsck", "-fn", cut(t, r.Image, r.Layout.Root()))
	}
}
