package report

import (
	"fmt"
	"strings"
	"testing"
)

const (
	mib = 1 << 20
	gib = 1 << 30
)

// samples are reports of every sort, finished, by name.
func samples(t *testing.T) map[string]*Report {
	t.Helper()
	out := map[string]*Report{
		"identical": {A: image("out-1/nixos.img"), B: image("out-2/nixos.img"), Partitions: efi()},
		"one":       one(),
		"many":      many(),
		"hostile":   hostile(),
		"folders":   folders(),
		"allowed":   allowed(),
		"moved":     moved(),
		"crowd":     crowd(),
		"bare":      bare(),
	}
	for name, r := range out {
		r.Tool = Tool{Name: "reprodisk", Version: "0.1.0"}
		if err := r.Finish(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	return out
}

func image(path string) Input {
	return Input{Path: path, Size: 2 * gib, Format: "raw"}
}

func efi() []Partition {
	esp := PartitionSide{
		Start: 16384, Sectors: 116736, SectorSize: 512,
		Type: "C12A7328-F81F-11D2-BA4B-00A0C93EC93B", TypeName: "EFI System", Name: "ESP",
		Filesystem: "vfat", Label: "ESP",
	}
	root := PartitionSide{
		Start: 133120, Sectors: 4059136, SectorSize: 512,
		Type: "0FC63DAF-8483-4772-8E79-3D69D8477DE4", TypeName: "Linux filesystem", Name: "root",
		Filesystem: "ext4", Label: "nixos",
	}
	return []Partition{{Number: 1, A: &esp, B: &esp}, {Number: 2, A: &root, B: &root}}
}

func at(offset, length int64) []Range { return []Range{{offset, length}} }

func hashSeed() Finding {
	return Finding{
		ID: "p2/ext4/superblock/s_hash_seed", Partition: 2, Format: "ext4",
		Structure: "superblock", Field: "s_hash_seed",
		A:      "0f3c9a61-5a4e-4c0e-9d55-0d4b3f6e8a10",
		B:      "91ab77e2-0c3d-4a55-b1f8-6c2f0e9d7b44",
		Ranges: at(68158828, 16), Bytes: 16, Cause: Random, Remedy: "mke2fs -E hash_seed=UUID",
	}
}

func one() *Report {
	seed := hashSeed()
	seed.Sample = &Sample{
		Offset: 68158816,
		A:      strings.Repeat("00", 12) + "0f3c9a615a4e4c0e9d550d4b3f6e8a10" + strings.Repeat("01", 4),
		B:      strings.Repeat("00", 12) + "91ab77e20c3d4a55b1f86c2f0e9d7b44" + strings.Repeat("01", 4),
	}
	return &Report{
		A: image("out-1/nixos.img"), B: image("out-2/nixos.img"), Partitions: efi(),
		DifferingBytes: 20,
		Heat:           []Heat{{SizeA: 2 * gib, SizeB: 2 * gib, Bucket: mib, Buckets: []Bucket{{Index: 65, Bytes: 20}}}},
		Findings: []Finding{
			seed,
			{
				ID: "p2/ext4/superblock/s_checksum", Partition: 2, Format: "ext4",
				Structure: "superblock", Field: "s_checksum", A: "0x8a51c0de", B: "0x11d20fb3",
				Ranges: at(68159484, 4), Bytes: 4, Cause: Random,
				Derived: true, DerivedFrom: []string{"p2/ext4/superblock/s_hash_seed"},
			},
		},
	}
}

func many() *Report {
	seed := hashSeed()
	return &Report{
		A: image("result/nixos.img"), B: image("result.check/nixos.img"), Partitions: efi(),
		DifferingBytes: 16 + 3 + 4 + 16 + 4 + 22252 + 33 + 900 + 22252 + 64 + 60 + 16 + 12,
		Findings: []Finding{
			{
				ID: "p0/gpt/primary header/DiskGUID", Format: "gpt", Structure: "primary header", Field: "DiskGUID",
				A: "97FD5997-F390-0B4A-A3F8-D106C1723AEA", B: "1C1E6A51-33F0-4D39-8B35-2C8E22FA1AF2",
				Ranges: at(568, 16), Bytes: 16, Cause: Random, Remedy: "sgdisk --disk-guid=GUID",
			},
			{
				ID: "p0/gpt/primary header/HeaderCRC32", Format: "gpt", Structure: "primary header", Field: "HeaderCRC32",
				A: "0x5d9b0c11", B: "0x5d720afe", Ranges: at(528, 3), Bytes: 3, Cause: Random,
				Derived: true, DerivedFrom: []string{"p0/gpt/primary header/DiskGUID"},
			},
			{
				ID: "p1/fat/boot sector/BS_VolID", Partition: 1, Format: "fat", Structure: "boot sector", Field: "BS_VolID",
				A: "3F2A-91C0", B: "3F2A-91DB", Ranges: at(8388675, 4), Bytes: 4, Cause: Time, Remedy: "mkfs.vfat -i ID",
				Variation: "clock +27 s",
			},
			seed,
			{
				ID: "p2/ext4/superblock/s_checksum", Partition: 2, Format: "ext4", Structure: "superblock", Field: "s_checksum",
				Ranges: at(68159484, 4), Bytes: 4, Cause: Random, Derived: true, DerivedFrom: []string{seed.ID},
			},
			{
				ID: "p2/ext4/inode/i_ctime", Partition: 2, Format: "ext4", Structure: "inode", Field: "i_ctime",
				A: "2026-11-23 12:50:50 UTC", B: "2026-11-23 12:51:17 UTC", Note: "all later by the same 27 s",
				Ranges: []Range{{68681740, 4}, {68681996, 4}}, RangesOmitted: 5561, Bytes: 22252, Count: 5563, Cause: Time,
				Files:        []string{"/", "/etc", "/etc/fstab", "/etc/hostname"},
				FilesOmitted: 5559, Remedy: "E2FSPROGS_FAKE_TIME, or SOURCE_DATE_EPOCH with e2fsprogs 1.47.1 and later",
			},
			{
				ID: "p2/ext4/data/etc/machine-id", Partition: 2, Format: "ext4", Structure: "data", Field: "content",
				File: "/etc/machine-id", Ranges: at(104857600, 33), Bytes: 33, Cause: Random,
				Remedy: "ship an empty /etc/machine-id: systemd fills it at first boot",
				Diff: "--- a/etc/machine-id\n+++ b/etc/machine-id\n@@ -1 +1 @@\n" +
					"-5d1c2a3f4b5e6d7c8b9a0f1e2d3c4b5a\n+e0b1c2d3a4f5968778695a4b3c2d1e0f\n",
			},
			{
				ID: "p2/ext4/data/var/log/build.log", Partition: 2, Format: "ext4", Structure: "data", Field: "content",
				File: "/var/log/build.log", Ranges: at(104861696, 900), Bytes: 900, Cause: Environment,
				Diff: longDiff(40),
			},
			{
				ID: "p2/ext4/inode/i_checksum", Partition: 2, Format: "ext4", Structure: "inode", Field: "i_checksum",
				Ranges: at(68681852, 2), Bytes: 22252, Count: 5563, Cause: Time,
				Derived: true, DerivedFrom: []string{seed.ID, "p2/ext4/inode/i_ctime"},
			},
			{
				ID: "p2/ext4/group descriptor/bg_checksum", Partition: 2, Format: "ext4", Structure: "group descriptor", Field: "bg_checksum",
				Ranges: at(68161566, 2), Bytes: 64, Count: 16, Cause: Time,
				Derived: true, DerivedFrom: []string{"p2/ext4/inode/i_ctime"},
			},
			{
				ID: "p2/ext4/backup superblock/s_hash_seed", Partition: 2, Format: "ext4", Structure: "backup superblock", Field: "s_hash_seed",
				Ranges: at(202376428, 16), Bytes: 60, Count: 5, Cause: Random, Derived: true, DerivedFrom: []string{seed.ID},
			},
			{
				ID: "p2/ext4/directory/checksum", Partition: 2, Format: "ext4", Structure: "directory", Field: "det_checksum",
				Ranges: at(70000000, 4), Bytes: 16, Count: 5, Cause: Random, Derived: true, DerivedFrom: []string{seed.ID},
			},
			{
				ID: "p0/disk/unknown", Format: "disk", Structure: UnknownStructure, Field: "bytes",
				Ranges: []Range{{2146435072, 8}, {2146436000, 4}}, Bytes: 12, Cause: Unknown,
			},
		},
		Warnings: []string{"partition 1: the two FATs of a differ from cluster 17 on; the first one was read"},
	}
}

func longDiff(n int) string {
	var s strings.Builder
	fmt.Fprintf(&s, "--- a\n+++ b\n@@ -1,%d +1,%d @@\n started\n \n", n+2, n+2)
	for i := range n {
		fmt.Fprintf(&s, "-\tstep %d on host-a \n", i)
	}
	for i := range n {
		fmt.Fprintf(&s, "+\tstep %d on host-b \n", i)
	}
	return s.String()
}

// hostile is what somebody might put into an image to fool a reader.
func hostile() *Report {
	esc := "\x1b[2J\x1b]0;owned\a"
	return &Report{
		A: Input{Path: "a\n" + esc + ".img", Size: 1 << 20, Format: "raw"},
		B: Input{Path: Printable("b\xff\xfe.img"), Size: 1 << 20, Format: "raw"},
		Partitions: []Partition{{Number: 1, A: &PartitionSide{
			Start: 34, Sectors: 100, SectorSize: 512, Type: "83", Name: "\u202egnp.exe" + esc, Label: Printable("\x9b31m"),
		}}},
		DifferingBytes: 30,
		Findings: []Finding{
			{
				ID: "p1/ext4/data/1", Partition: 1, Format: "ext4", Structure: "data", Field: "content",
				File: "/tmp/" + esc + "reproducible: all is well\r\n\u202e\u2066x\u200b", A: "\u009b31mred", B: "\x00\x7f\u00a0\u2028",
				Ranges: at(512, 10), Bytes: 10, Cause: Content, Note: "note" + esc, Remedy: "rm\u202e -rf\n/", Allowed: "",
				InsideKind: "gzip" + esc, InsideOmitted: 3, Inside: []Inside{
					{Where: "header" + esc, Field: "MTIME", A: "1" + esc, B: "2\n", Cause: Time},
					{Field: "CRC32", A: "3", B: "4", Cause: Content, Derived: true},
				},
				Diff: "--- a\n+++ b\n@@ -1,2 +1,2 @@\n-" + esc + "\r\n \n+\u202eevil \n",
			},
			{
				ID: "p1/ext4/data/2", Partition: 1, Format: "ext4", Structure: "data", Field: "xattr:user." + esc,
				File: Printable("/a\xffb" + strings.Repeat("/long", 40)), A: strings.Repeat("z", 300) + "1", B: strings.Repeat("z", 300) + "2",
				Bytes: 10, Cause: Content, Files: []string{"/日本語/" + strings.Repeat("テ", 60), "/e" + strings.Repeat("\u0301", 40)},
			},
			{
				ID: "p1/ext4/data/3", Partition: 1, Format: esc, Structure: "data\t" + esc, Field: "  ",
				File: "/\\xff", A: " ", Bytes: 10, Cause: Content, Variation: "clock" + esc, Allowed: "because" + esc,
			},
		},
		Warnings: []string{"cannot read " + esc + "\nreproducible"},
	}
}

func folders() *Report {
	in := func(path string) Input { return Input{Path: path, Size: 3 * gib, Format: "directory"} }
	boot, root := efi()[0], efi()[1]
	root.Image, boot.Image = "nixos.img", "nixos.img"
	seed := hashSeed()
	seed.Image, seed.ID = "nixos.img", "nixos.img/"+seed.ID
	return &Report{
		A: in("result"), B: in("result.check"), Partitions: []Partition{boot, root}, DifferingBytes: 17,
		Findings: []Finding{
			seed,
			{
				ID: "efi-vars.fd/content", Image: "efi-vars.fd", Format: "disk", Structure: "data", Field: "content",
				Ranges: at(100, 1), Bytes: 1, Cause: Unknown,
			},
		},
	}
}

func allowed() *Report {
	r := one()
	r.Findings[0].Allowed = "the hash seed is rolled on purpose"
	return r
}

// moved is a pair whose second disk is larger, with a root elsewhere.
func moved() *Report {
	p := efi()
	far := *p[1].A
	far.Start += 2048
	p[1].B = &far
	p = append(p, Partition{Number: 3, B: &PartitionSide{Start: 4194304, Sectors: 2048, SectorSize: 512, Type: "82", TypeName: "Linux swap", Bootable: true}})
	a, b := image("a.img"), image("b.img")
	b.Size += 1500 << 20
	b.Digest = "sha256:" + strings.Repeat("0123456789abcdef", 4)
	return &Report{
		A: a, B: b, Partitions: p, DifferingBytes: 2,
		Findings: []Finding{{
			ID: "p0/gpt/entry/2/StartingLBA", Format: "gpt", Structure: "entry 2", Field: "StartingLBA",
			A: "133120", B: "135168", Ranges: at(1184, 2), Bytes: 2, Cause: Placement,
			Remedy: "give the partition's first sector: sgdisk -n 2:133120:0",
		}},
	}
}

// crowd has more findings than are printed.
func crowd() *Report {
	r := &Report{A: image("a.img"), B: image("b.img"), Partitions: efi(), DifferingBytes: 1060}
	for i := range 1060 {
		r.Findings = append(r.Findings, Finding{
			ID: fmt.Sprintf("p2/ext4/data/%d", i), Partition: 2, Format: "ext4", Structure: "data", Field: "content",
			File: fmt.Sprintf("/nix/store/%d", i), Ranges: at(int64(i)*4096, 1), Bytes: 1, Cause: Content,
		})
	}
	return r
}

func bare() *Report {
	seed := hashSeed()
	seed.Partition, seed.ID = 0, "p0/ext4/superblock/s_hash_seed"
	side := &PartitionSide{Sectors: 1 << 22, SectorSize: 512, Filesystem: "ext4", Label: "nixos"}
	return &Report{
		A: image("root-a.raw"), B: image("root-b.raw"), DifferingBytes: 16,
		Partitions: []Partition{{A: side, B: side}}, Findings: []Finding{seed},
	}
}
