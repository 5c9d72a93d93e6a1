package boot

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/build/partition"
	"github.com/reprodisk/reprodisk/internal/judge"
)

const i386 = "/usr/lib/grub/i386-pc"

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// images are GRUB's own boot.img and a core.img.
func images(t testing.TB) (boot, core []byte) {
	t.Helper()
	boot, err := os.ReadFile(filepath.Join(judge.File(t, i386), "boot.img"))
	must(t, err)
	path := filepath.Join(t.TempDir(), "core.img")
	judge.Must(t, "grub-mkimage", "-O", "i386-pc", "-d", i386, "-p", "/boot/grub", "-o", path, "biosdisk", "part_msdos", "ext2")
	core, err = os.ReadFile(path)
	must(t, err)
	return boot, core
}

// disk is a file with the table of a layout.
func disk(t testing.TB, kind partition.Type) (*os.File, partition.Layout) {
	t.Helper()
	size, err := partition.ParseBootSize("43M")
	must(t, err)
	l, err := partition.Plan(partition.Options{Type: kind, DiskSize: 60 << 20, BootSize: size, RootGUID: partition.RootGUID, DiskSignature: 0x12345678})
	must(t, err)
	f, err := os.Create(filepath.Join(t.TempDir(), "disk.img"))
	must(t, err)
	t.Cleanup(func() { f.Close() })
	must(t, f.Truncate(l.DiskSize))
	must(t, partition.Write(f, l))
	return f, l
}

func TestImagesLieWhereTheirFirstStagesLook(t *testing.T) {
	boot, core := images(t)
	for kind, lba := range map[partition.Type]uint64{partition.Legacy: 1, partition.LegacyGPT: 2048, partition.Hybrid: 34} {
		f, l := disk(t, kind)
		before, err := os.ReadFile(f.Name())
		must(t, err)
		b, err := NewBIOS(boot, core)
		must(t, err)
		must(t, b.Write(f, l))
		after, err := os.ReadFile(f.Name())
		must(t, err)

		// What grub-bios-setup does, written down once more, byte by byte.
		want := bytes.Clone(before)
		copy(want, boot[:440])
		binary.LittleEndian.PutUint64(want[0x5c:], lba)
		want[0x66], want[0x67] = 0x90, 0x90
		at := want[lba*512:]
		copy(at, core)
		binary.LittleEndian.PutUint64(at[0x1f4:], lba+1)
		binary.LittleEndian.PutUint16(at[0x1fc:], uint16((len(core)+511)/512-1))
		binary.LittleEndian.PutUint16(at[0x1fe:], 0x820)
		if !bytes.Equal(after, want) {
			for i := range want {
				if after[i] != want[i] {
					t.Fatalf("%s: byte %#x is %#x, not %#x", kind, i, after[i], want[i])
				}
			}
		}
		if !bytes.Equal(after[440:512], before[440:512]) {
			t.Errorf("%s: the table or the disk's signature has changed", kind)
		}
		if kind == partition.Legacy {
			judge.Must(t, "sfdisk", "--verify", f.Name())
		} else if out := judge.Must(t, "sgdisk", "-v", f.Name()); !strings.Contains(out, "No problems found") {
			t.Errorf("%s: %s", kind, out)
		}

		// A second time, over what is there: nothing changes.
		must(t, b.Write(f, l))
		again, err := os.ReadFile(f.Name())
		must(t, err)
		if !bytes.Equal(after, again) {
			t.Errorf("%s: the second time it is written otherwise", kind)
		}
		// Images that were installed before are taken as well.
		if _, err := NewBIOS(after[:512], after[lba*512:][:len(core)]); err != nil && kind == partition.Legacy {
			t.Error(err)
		}
	}
}

func TestCoreMustFit(t *testing.T) {
	boot, core := images(t)
	for _, c := range []struct {
		kind    partition.Type
		sectors int
		want    string
	}{
		{partition.Legacy, 2047, ""},
		{partition.Legacy, 2048, "core.img does not fit into the gap before the first partition of 1048064 bytes: 512 bytes are missing"},
		{partition.LegacyGPT, 2048, ""},
		{partition.LegacyGPT, 2050, "core.img does not fit into the BIOS boot partition of 1048576 bytes: 1024 bytes are missing"},
		{partition.Hybrid, 2015, ""},
		{partition.Hybrid, 2016, "core.img does not fit into the BIOS boot partition of 1031680 bytes: 512 bytes are missing"},
		{partition.EFI, 2, "the layout efi has no place for GRUB's core.img"},
		{partition.None, 2, "the layout none has no place for GRUB's core.img"},
	} {
		f, l := disk(t, c.kind)
		b, err := NewBIOS(boot, append(bytes.Clone(core[:1023]), make([]byte, (c.sectors-2)*512)...))
		must(t, err)
		got := ""
		if err := b.Write(f, l); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s, %d sectors: %q", c.kind, c.sectors, got)
		}
	}
}

func TestWhatIsNotGRUBsIsRefused(t *testing.T) {
	boot, core := images(t)
	change := func(b []byte, at int, to byte) []byte {
		b = bytes.Clone(b)
		b[at] = to
		return b
	}
	for _, c := range []struct {
		boot, core []byte
		want       string
	}{
		{boot[:511], core, "boot.img has 511 bytes; it must be 512, with the boot signature at byte 510"},
		{change(boot, 511, 0), core, "boot.img has 512 bytes; it must be 512, with the boot signature at byte 510"},
		{change(boot, 0x66, 0), core, "boot.img is not GRUB's: bytes 92 to 103 hold no sector and no check of the drive"},
		{boot, core[:512], "core.img has 512 bytes; the smallest has two sectors"},
		{boot, change(core, 0x1ff, 9), "core.img is not GRUB's for a BIOS: the segment at byte 510 is 0x920, not 0x820"},
	} {
		if _, err := NewBIOS(c.boot, c.core); err == nil || err.Error() != c.want {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}
