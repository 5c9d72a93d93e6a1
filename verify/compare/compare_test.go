package compare

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/split"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func sh(t testing.TB, command string, args ...string) {
	t.Helper()
	cmd := exec.Command(command, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC", "E2FSPROGS_FAKE_TIME=1700000000", "SOURCE_DATE_EPOCH=1700000000", "MTOOLS_SKIP_CHECK=1",
		"PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", command, args, err, out)
	}
}

const mib = 1 << 20

// gptDisk makes a disk of 64 MiB: an ESP of 34 MiB and an ext4 root of 20 MiB, with
// gaps around them; everything is pinned.
func gptDisk(t testing.TB, path string) {
	t.Helper()
	for _, tool := range []string{"sgdisk", "mkfs.vfat", "mmd", "mcopy", "mkfs.ext4"} {
		judge.Tool(t, tool)
	}
	dir := t.TempDir()
	esp, root, tree := filepath.Join(dir, "esp"), filepath.Join(dir, "root"), filepath.Join(dir, "tree")
	must(t, os.MkdirAll(filepath.Join(tree, "etc"), 0o755))
	must(t, os.WriteFile(filepath.Join(tree, "etc/conf"), []byte("some text\nand more\n"), 0o644))
	sh(t, "find", tree, "-exec", "touch", "-d", "@1600000000", "{}", "+")
	must(t, os.WriteFile(esp, nil, 0o644))
	must(t, os.Truncate(esp, 34*mib))
	sh(t, "mkfs.vfat", "--invariant", "-F", "32", "-n", "ESP", "-i", "12345678", esp)
	sh(t, "mmd", "-i", esp, "::EFI")
	sh(t, "mcopy", "-i", esp, "-m", filepath.Join(tree, "etc/conf"), "::EFI/conf")
	must(t, os.WriteFile(root, nil, 0o644))
	must(t, os.Truncate(root, 20*mib))
	sh(t, "mkfs.ext4", "-q", "-F", "-L", "root", "-d", tree, "-U", "11111111-1111-4111-8111-111111111111", "-E", "hash_seed=22222222-2222-4222-8222-222222222222", root)
	must(t, os.WriteFile(path, nil, 0o644))
	must(t, os.Truncate(path, 64*mib))
	sh(t, "sgdisk", "-n", "1:2048:+34M", "-t", "1:ef00", "-c", "1:ESP", "-n", "2:81920:+20M", "-t", "2:8304", "-c", "2:root",
		"-U", "33333333-3333-4333-8333-333333333333", "-u", "1:44444444-4444-4444-8444-444444444444", "-u", "2:55555555-5555-4555-8555-555555555555", path)
	sh(t, "dd", "if="+esp, "of="+path, "bs=1M", "seek=1", "conv=notrunc,sparse", "status=none")
	sh(t, "dd", "if="+root, "of="+path, "bs=1M", "seek=40", "conv=notrunc,sparse", "status=none")
}

func copyDisk(t testing.TB, from, to string) {
	t.Helper()
	sh(t, "cp", "--sparse=always", from, to)
}

// edit changes bytes of a file.
func edit(t testing.TB, path string, off int64, change func(b []byte), length int) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	must(t, err)
	defer f.Close()
	if off < 0 {
		fi, err := f.Stat()
		must(t, err)
		off += fi.Size()
	}
	b := make([]byte, length)
	_, err = f.ReadAt(b, off)
	must(t, err)
	change(b)
	_, err = f.WriteAt(b, off)
	must(t, err)
}

func flip(b []byte) { b[0] ^= 0x41 }

// seal recomputes the checksums of both copies of a GPT, as a tool would.
func seal(t testing.TB, path string) {
	t.Helper()
	edit(t, path, 0, func(b []byte) {
		for _, at := range []struct{ header, array int }{{512, 1024}, {len(b) - 512, len(b) - 33*512}} {
			h := b[at.header : at.header+92]
			binary.LittleEndian.PutUint32(h[88:], crc32.ChecksumIEEE(b[at.array:at.array+128*128]))
			binary.LittleEndian.PutUint32(h[16:], 0)
			binary.LittleEndian.PutUint32(h[16:], crc32.ChecksumIEEE(h))
		}
	}, 64*mib)
}

func compareDisks(t testing.TB, a, b string) *report.Report {
	t.Helper()
	r := openAndCompare(t, a, b)
	if n := strings.Count(judge.Run(t, "cmp", "-l", a, b).Stdout, "\n"); int64(n) != r.DifferingBytes {
		t.Errorf("cmp -l counts %d differing bytes, the report %d", n, r.DifferingBytes)
	}
	return r
}

func openAndCompare(t testing.TB, a, b string) *report.Report {
	t.Helper()
	ia, err := split.Open(a)
	must(t, err)
	defer ia.Close()
	ib, err := split.Open(b)
	must(t, err)
	defer ib.Close()
	r, err := Images(context.Background(), ia, ib, Options{})
	must(t, err)
	return r
}

func text(t testing.TB, r *report.Report) string {
	t.Helper()
	var b bytes.Buffer
	must(t, report.WriteText(&b, r, report.TextOptions{Width: 120, Verbose: true}))
	return b.String()
}

func roots(r *report.Report) (ids []string, causes []report.Cause) {
	for _, f := range r.Findings {
		if !f.Derived {
			ids, causes = append(ids, f.ID), append(causes, f.Cause)
		}
	}
	return ids, causes
}

func TestOneChangeOfADiskIsOneRoot(t *testing.T) {
	tmp := t.TempDir()
	base := filepath.Join(tmp, "base.img")
	gptDisk(t, base)
	sgdisk := func(args ...string) func(string) {
		return func(p string) { sh(t, "sgdisk", append(args, p)...) }
	}
	at := func(off int64) func(string) {
		return func(p string) { edit(t, p, off, flip, 1) }
	}
	const espStart, rootStart = 1 * mib, 40 * mib
	for _, c := range []struct {
		name  string
		plant func(path string)
		id    string
		cause report.Cause
	}{
		{"disk GUID", sgdisk("-U", "88888888-8888-4888-8888-888888888888"), "p0/gpt/primary-header/DiskGUID", report.Random},
		{"partition GUID", sgdisk("-u", "2:88888888-8888-4888-8888-888888888888"), "p2/gpt/entry/UniquePartitionGUID", report.Random},
		{"partition type", sgdisk("-t", "2:8300"), "p2/gpt/entry/PartitionTypeGUID", report.Content},
		{"partition name", sgdisk("-c", "2:other"), "p2/gpt/entry/PartitionName", report.Content},
		{"attributes", sgdisk("-A", "1:set:2"), "p1/gpt/entry/Attributes", report.Content},
		{"a partition more", sgdisk("-n", "3:122880:+1M", "-u", "3:99999999-9999-4999-8999-999999999999"), "p3/gpt/entry/PartitionTypeGUID", report.Content},
		{"a partition less", sgdisk("-d", "1"), "p1/gpt/entry/PartitionTypeGUID", report.Content},
		{"a partition's end", func(p string) {
			edit(t, p, 1024+128+40, func(b []byte) { b[1]++ }, 8)
			edit(t, p, -33*512+128+40, func(b []byte) { b[1]++ }, 8)
			seal(t, p)
		}, "p2/gpt/entry/EndingLBA", report.Placement},
		{"a partition's start, which nothing in it knows", func(p string) {
			edit(t, p, 1024+128+32, func(b []byte) { b[0]++ }, 8)
			edit(t, p, -33*512+128+32, func(b []byte) { b[0]++ }, 8)
			seal(t, p)
		}, "p2/gpt/entry/StartingLBA", report.Placement},
		{"a partition's start in the primary copy alone", at(1024 + 128 + 32), "p2/gpt/entry/StartingLBA", report.Placement},
		{"where the backup is", at(512 + 32), "p0/gpt/primary-header/AlternateLBA", report.Placement},
		{"the last usable sector", at(512 + 48), "p0/gpt/primary-header/LastUsableLBA", report.Placement},
		{"the first usable sector", at(512 + 40), "p0/gpt/primary-header/FirstUsableLBA", report.Environment},
		{"the number of entries", at(512 + 80), "p0/gpt/primary-header/NumberOfPartitionEntries", report.Environment},
		{"the root's UUID", at(rootStart + 1024 + 0x68), "p2/ext4/superblock/s_uuid", report.Random},
		{"the ESP's label", at(espStart + 71), "p1/fat/boot-sector/BS_VolLab", report.Content},
		{"the ESP's free count", at(espStart + 512 + 488), "p1/fat/FSInfo/FSI_Free_Count", report.Unknown},
		{"a header's checksum", at(512 + 16), "p0/gpt/primary-header/HeaderCRC32", report.Unknown},
		{"the array's checksum", at(512 + 88), "p0/gpt/primary-header/PartitionEntryArrayCRC32", report.Unknown},
		{"a field of the backup header", at(-512 + 56), "p0/gpt/backup-header/DiskGUID", report.Random},
		{"a field of a backup entry", at(-33*512 + 16), "p1/gpt/backup-entry/UniquePartitionGUID", report.Random},
		{"boot code", at(100), "p0/mbr/boot-record/BootCode", report.Content},
		{"signature of the protective MBR", at(440), "p0/mbr/boot-record/DiskSignature", report.Random},
		{"the rest of the header's sector", at(512 + 200), "p0/gpt/primary-header/ReservedTail", report.Residue},
		{"an unused entry", at(1024 + 5*128 + 60), "p6/gpt/unused-entry/PartitionName", report.Residue},
		{"the gap in front", at(100 * 512), "p0/disk/gap/content#17408", report.Residue},
		{"the gap between", at(36 * mib), fmt.Sprintf("p0/disk/gap/content#%d", 35*mib), report.Residue},
		{"the gap at the end", at(63 * mib), fmt.Sprintf("p0/disk/gap/content#%d", 60*mib), report.Residue},
		{"the ESP's serial", at(espStart + 67), "p1/fat/boot-sector/BS_VolID", report.Random},
		{"the root's hash seed", at(rootStart + 1024 + 0xec), "p2/ext4/superblock/s_hash_seed", report.Random},
	} {
		t.Run(c.name, func(t *testing.T) {
			other := filepath.Join(tmp, strings.ReplaceAll(c.name, " ", "-"))
			copyDisk(t, base, other)
			defer os.Remove(other)
			c.plant(other)
			for _, d := range []struct{ a, b string }{{base, other}, {other, base}} {
				r := compareDisks(t, d.a, d.b)
				ids, causes := roots(r)
				if len(ids) != 1 || ids[0] != c.id || causes[0] != c.cause {
					t.Errorf("want one root %s, %s; have %v %v\n%s", c.id, c.cause, ids, causes, text(t, r))
				}
				if r.ExplainedBytes != r.DifferingBytes {
					t.Errorf("%d of %d bytes are explained", r.ExplainedBytes, r.DifferingBytes)
				}
				if r.Verdict != report.Unreproducible {
					t.Errorf("the verdict is %s", r.Verdict)
				}
			}
		})
	}
}

func TestEqualDisksAreReproducible(t *testing.T) {
	a, b := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
	gptDisk(t, a)
	copyDisk(t, a, b)
	r := compareDisks(t, a, b)
	if r.Verdict != report.Reproducible || len(r.Findings) != 0 || r.DifferingBytes != 0 {
		t.Errorf("the verdict is %s, %d findings", r.Verdict, len(r.Findings))
	}
	if len(r.Partitions) != 2 || r.Partitions[0].A.Filesystem != "vfat" || r.Partitions[1].B.Filesystem != "ext4" || r.Partitions[1].A.Label != "root" || r.Partitions[1].A.Name != "root" {
		t.Errorf("the partitions are %+v", r.Partitions)
	}
}

// A partition that starts elsewhere moves every byte behind it, and yet
// nothing but its place differs.
func TestAPartitionThatMovedIsOneRoot(t *testing.T) {
	a, b := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
	gptDisk(t, a)
	copyDisk(t, a, b)
	root := filepath.Join(t.TempDir(), "root")
	sh(t, "dd", "if="+a, "of="+root, "bs=1M", "skip=40", "count=20", "status=none")
	sh(t, "sgdisk", "-d", "2", "-n", "2:83968:+20M", "-t", "2:8304", "-c", "2:root", "-u", "2:55555555-5555-4555-8555-555555555555", b)
	sh(t, "dd", "if=/dev/zero", "of="+b, "bs=1M", "seek=40", "count=20", "conv=notrunc", "status=none")
	sh(t, "dd", "if="+root, "of="+b, "bs=1M", "seek=41", "conv=notrunc", "status=none")
	r := compareDisks(t, a, b)
	if ids, _ := roots(r); len(ids) != 1 || ids[0] != "p2/gpt/entry/StartingLBA" {
		t.Errorf("roots are %v\n%s", ids, text(t, r))
	}
	// What differs in it as well is a cause of its own.
	edit(t, b, 41*mib+1024+0xec, flip, 1)
	r = compareDisks(t, a, b)
	if ids, _ := roots(r); len(ids) != 2 || ids[0] != "p2/gpt/entry/StartingLBA" || ids[1] != "p2/ext4/superblock/s_hash_seed" {
		t.Errorf("with another hash seed: roots are %v\n%s", ids, text(t, r))
	}
}

func TestDisksOfDifferentSize(t *testing.T) {
	a, b := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
	gptDisk(t, a)
	copyDisk(t, a, b)
	must(t, os.Truncate(b, 65*mib))
	sh(t, "sgdisk", "-e", b)
	r := compareDisks(t, a, b)
	if ids, _ := roots(r); len(ids) != 1 || ids[0] != "p0/disk/disk/size" {
		t.Errorf("roots are %v\n%s", ids, text(t, r))
	}
}

func TestMBRDisks(t *testing.T) {
	a := filepath.Join(t.TempDir(), "a")
	must(t, os.WriteFile(a, nil, 0o644))
	must(t, os.Truncate(a, 32*mib))
	judge.RunInput(t, "label: dos\nlabel-id: 0x11223344\nstart=2048, size=8192, type=83\nstart=10240, type=5\nstart=12288, size=4096, type=83\nstart=18432, size=4096, type=83\n", "sfdisk", "-q", a)
	for _, c := range []struct {
		name  string
		off   int64
		id    string
		cause report.Cause
	}{
		{"disk signature", 440, "p0/mbr/boot-record/DiskSignature", report.Random},
		{"boot code", 3, "p0/mbr/boot-record/BootCode", report.Content},
		{"type", 446 + 4, "p1/mbr/partition-record/OSType", report.Content},
		{"type of a logical partition", 10240*512 + 446 + 4, "p5/mbr/partition-record/OSType", report.Content},
		{"the gap where boot loaders are embedded", 4096, "p0/disk/gap/content#512", report.Residue},
		{"unknown content of a partition", 3000 * 512, "p1/disk/unknown/content", report.Unknown},
	} {
		b := filepath.Join(t.TempDir(), "b")
		copyDisk(t, a, b)
		edit(t, b, c.off, func(b []byte) { b[0] ^= 1 }, 1)
		r := compareDisks(t, a, b)
		ids, causes := roots(r)
		if len(ids) != 1 || ids[0] != c.id || causes[0] != c.cause {
			t.Errorf("%s: want one root %s, %s; have %v %v\n%s", c.name, c.id, c.cause, ids, causes, text(t, r))
		}
	}
}
