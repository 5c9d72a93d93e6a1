package html

import (
	"fmt"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/report"
)

const (
	mib = 1 << 20
	gib = 1 << 30
)

// samples are finished reports of every sort, by name.
func samples(t testing.TB) map[string]*report.Report {
	t.Helper()
	out := map[string]*report.Report{
		"identical": {A: image("out-1/nixos.img"), B: image("out-2/nixos.img"), Partitions: efi()},
		"many":      many(),
		"hostile":   hostile(),
		"folders":   folders(),
		"moved":     moved(),
	}
	for name, r := range out {
		finish(t, name, r)
	}
	return out
}

func finish(t testing.TB, name string, r *report.Report) {
	t.Helper()
	r.Tool = report.Tool{Name: "reprodisk", Version: "0.1.0"}
	if err := r.Finish(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func image(path string) report.Input {
	return report.Input{Path: path, Size: 2 * gib, Format: "raw", Digest: "sha256:" + strings.Repeat("0123456789abcdef", 4)}
}

func efi() []report.Partition {
	esp := report.PartitionSide{
		Start: 16384, Sectors: 483328, SectorSize: 512, Type: "C12A7328-F81F-11D2-BA4B-00A0C93EC93B", TypeName: "EFI System",
		Name: "ESP", Filesystem: "vfat", Label: "ESP", UUID: "44444444-4444-4444-8444-444444444444",
	}
	root := report.PartitionSide{
		Start: 499712, Sectors: 3692544, SectorSize: 512, Type: "0FC63DAF-8483-4772-8E79-3D69D8477DE4", TypeName: "Linux filesystem",
		Name: "root", Filesystem: "ext4", Label: "nixos", UUID: "55555555-5555-4555-8555-555555555555",
	}
	return []report.Partition{{Number: 1, A: &esp, B: &esp}, {Number: 2, A: &root, B: &root}}
}

const rootAt = 499712 * 512

func at(offset, length int64) []report.Range { return []report.Range{{Offset: offset, Length: length}} }

// many is what two builds of an image with a builder's defaults differ in.
func many() *report.Report {
	seed := report.Finding{
		ID: "p2/ext4/superblock/s_hash_seed", Partition: 2, Format: "ext4", Structure: "superblock", Field: "s_hash_seed",
		A: "0f3c9a61-5a4e-4c0e-9d55-0d4b3f6e8a10", B: "91ab77e2-0c3d-4a55-b1f8-6c2f0e9d7b44",
		Ranges: at(rootAt+1260, 16), Bytes: 16, Cause: report.Random, Remedy: "mke2fs -E hash_seed=UUID", Variation: "random",
		Sample: &report.Sample{
			Offset: rootAt + 1248,
			A:      strings.Repeat("00", 12) + "0f3c9a615a4e4c0e9d550d4b3f6e8a10" + "01000000" + strings.Repeat("0c", 32),
			B:      strings.Repeat("00", 12) + "91ab77e20c3d4a55b1f86c2f0e9d7b44" + "01000000" + strings.Repeat("0c", 32),
		},
	}
	r := &report.Report{
		A: image("result/nixos.img"), B: image("result.check/nixos.img"), Partitions: efi(),
		Findings: []report.Finding{
			{
				ID: "p0/gpt/primary-header/DiskGUID", Format: "gpt", Structure: "primary header", Field: "DiskGUID",
				A: "97FD5997-F390-0B4A-A3F8-D106C1723AEA", B: "1C1E6A51-33F0-4D39-8B35-2C8E22FA1AF2",
				Ranges: at(568, 16), Bytes: 16, Cause: report.Random, Remedy: "sgdisk --disk-guid=GUID", Variation: "random",
				Allowed: "every image has its own disk GUID",
			},
			{
				ID: "p0/gpt/primary-header/HeaderCRC32", Format: "gpt", Structure: "primary header", Field: "HeaderCRC32",
				A: "0x5d9b0c11", B: "0x5d720afe", Ranges: at(528, 3), Bytes: 3, Cause: report.Random,
				Derived: true, DerivedFrom: []string{"p0/gpt/primary-header/DiskGUID"},
			},
			{
				ID: "p1/fat/boot-sector/BS_VolID", Partition: 1, Format: "fat", Structure: "boot sector", Field: "BS_VolID",
				A: "3F2A-91C0", B: "3F2A-91DB", Ranges: at(8388675, 4), Bytes: 4, Cause: report.Time, Remedy: "mkfs.vfat -i ID", Variation: "time",
			},
			seed,
			{
				ID: "p2/ext4/superblock/s_checksum", Partition: 2, Format: "ext4", Structure: "superblock", Field: "s_checksum", A: "0x8a51c0de", B: "0x11d20fb3",
				Ranges: at(rootAt+2044, 4), Bytes: 4, Cause: report.Random, Derived: true, DerivedFrom: []string{seed.ID},
			},
			{
				ID: "p2/ext4/inode/i_ctime#+27s", Partition: 2, Format: "ext4", Structure: "inode", Field: "i_ctime",
				A: "2026-11-23T12:50:50Z", B: "2026-11-23T12:51:17Z", Note: "B is 27 s later",
				Ranges: []report.Range{{Offset: rootAt + 540000, Length: 4}, {Offset: rootAt + 540256, Length: 4}}, RangesOmitted: 5561, Bytes: 22252, Count: 5563, Cause: report.Time,
				Files:        []string{"/", "/etc", "/etc/fstab", "/etc/hostname", "/etc/passwd", "/etc/shadow", "/home", "/nix", "/nix/store", "/nix/store/abc", "/root", "/usr"},
				FilesOmitted: 5551, Remedy: "E2FSPROGS_FAKE_TIME, or SOURCE_DATE_EPOCH with e2fsprogs 1.47.1 and later", Variation: "time",
			},
			{
				ID: "p2/ext4/data/content:/etc/machine-id", Partition: 2, Format: "ext4", Structure: "data", Field: "content",
				File: "/etc/machine-id", A: "33 bytes", B: "33 bytes", Ranges: at(rootAt+104857600, 33), Bytes: 33, Cause: report.Random,
				Remedy: "ship an empty /etc/machine-id: systemd fills it at first boot",
				Diff: "--- a/etc/machine-id\n+++ b/etc/machine-id\n@@ -1 +1 @@\n" +
					"-5d1c2a3f4b5e6d7c8b9a0f1e2d3c4b5a\n+5d1c2a3f4b5e968778695a4b3c2d1e0f\n",
			},
			{
				ID: "p2/ext4/data/content:/boot/initrd", Partition: 2, Format: "ext4", Structure: "data", Field: "content",
				File: "/boot/initrd", A: "1,204 bytes", B: "1,204 bytes", Ranges: at(rootAt+204857600, 12), Bytes: 12, Cause: report.Time,
				Remedy: "gzip -n, or SOURCE_DATE_EPOCH", InsideKind: "gzip", Inside: []report.Inside{
					{Where: "header", Field: "MTIME", A: "2026-11-23T12:50:50Z", B: "2026-11-23T12:51:17Z", Cause: report.Time},
					{Where: ".cpio > init", Field: "c_mtime", A: "1795438250", B: "1795438277", Cause: report.Time},
					{Field: "CRC32", A: "0x5d9b0c11", B: "0x5d720afe", Cause: report.Content, Derived: true},
				},
			},
			{
				ID: "p2/ext4/data/content:/var/log/build.log", Partition: 2, Format: "ext4", Structure: "data", Field: "content",
				File: "/var/log/build.log", Ranges: at(rootAt+404857600, 900), Bytes: 900, Cause: report.Environment, Diff: longDiff(30), Variation: "hostname",
			},
			{
				ID: "p2/ext4/inode/i_checksum_lo", Partition: 2, Format: "ext4", Structure: "inode", Field: "i_checksum_lo",
				Ranges: at(rootAt+540124, 2), Bytes: 22252, Count: 5563, Cause: report.Time,
				Derived: true, DerivedFrom: []string{"p2/ext4/inode/i_ctime#+27s", seed.ID},
			},
			{
				ID: "p2/ext4/group-descriptor/bg_checksum", Partition: 2, Format: "ext4", Structure: "group descriptor", Field: "bg_checksum",
				Ranges: at(rootAt+4126, 2), Bytes: 64, Count: 16, Cause: report.Time,
				Derived: true, DerivedFrom: []string{"p2/ext4/inode/i_checksum_lo"},
			},
			{
				ID: "p2/ext4/backup-superblock/s_hash_seed", Partition: 2, Format: "ext4", Structure: "backup superblock", Field: "s_hash_seed",
				Ranges: at(rootAt+134217964, 16), Bytes: 60, Count: 5, Cause: report.Random, Derived: true, DerivedFrom: []string{seed.ID},
			},
			{
				ID: "p0/disk/unknown/content", Format: "disk", Structure: report.UnknownStructure, Field: "content",
				Ranges: []report.Range{{Offset: 2146435072, Length: 8}, {Offset: 2146436000, Length: 4}}, Bytes: 12, Cause: report.Unknown,
				Note: "no format that is known here claims these bytes",
			},
		},
		Warnings:     []string{"partition 1: the two FATs of a differ from cluster 17 on; the first one was read"},
		Verification: verification(seed.ID),
		Policy: &report.Policy{
			Path: ".reprodisk.yaml", Digest: "sha256:" + strings.Repeat("ef", 32),
			Rules: []report.PolicyRule{
				{Where: ".reprodisk.yaml:3", Names: "field DiskGUID", Reason: "every image has its own disk GUID", State: report.RuleUsed, Findings: 1},
				{Where: ".reprodisk.yaml:9", Names: "file /var/log/*", Reason: "logs of the build", Expires: "2026-10-31", State: report.RuleExpired, Findings: 1},
				{Where: "--ignore s_mnt_count", Names: "field s_mnt_count", State: report.RuleUnused, Derived: 2},
			},
			Baseline: &report.Baseline{Path: "yesterday.json", Known: 0, Gone: 2, Worse: []report.Worse{{ID: seed.ID, Why: "16 bytes differ, 8 did"}}},
		},
	}
	heat(r)
	return r
}

// heat fills in where the findings' bytes lie, and their sum.
func heat(r *report.Report) {
	counts := map[int]int64{}
	for _, f := range r.Findings {
		r.DifferingBytes += f.Bytes
		counts[int(f.Ranges[0].Offset/mib)] += f.Bytes
	}
	h := report.Heat{SizeA: r.A.Size, SizeB: r.B.Size, Bucket: mib}
	for i := range report.MaxBuckets {
		if counts[i] > 0 {
			h.Buckets = append(h.Buckets, report.Bucket{Index: i, Bytes: counts[i]})
		}
	}
	r.Heat = []report.Heat{h}
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

func verification(seed string) *report.Verification {
	return &report.Verification{
		Level: "isolated", Command: []string{"sh", "-c", "make image"}, Builds: 14, Evidence: "out/buildinfo.json",
		Variations: []report.Variation{
			{Name: "time", A: "2020-01-01T00:00:00Z, frozen", B: "2031-05-17T12:34:56Z, frozen", Varied: true},
			{Name: "random", A: "seed 1", B: "seed 2", Varied: true},
			{Name: "hostname", A: "localhost", B: "builder-b", Varied: true},
			{Name: "kernel", A: "6.1.0", B: "6.1.0", Why: "needs level vm"},
			{Name: "timezone", A: "UTC", B: "UTC", Why: "not asked for"},
		},
		Attribution: &report.Attribution{
			Controls: 3, Races: []string{"p0/disk/unknown/content"},
			Trials: []report.Trial{
				{Variations: []string{"time"}, Value: "2031-05-17T12:34:56Z", Outcome: report.TrialDiffers, Builds: 2, Findings: []string{"p1/fat/boot-sector/BS_VolID", "p2/ext4/inode/i_ctime#+27s", "p2/ext4/data/content:/boot/initrd"}},
				{Variations: []string{"random"}, Value: "seed 2", Outcome: report.TrialDiffers, Builds: 2, Findings: []string{seed, "p0/gpt/primary-header/DiskGUID", "p2/ext4/data/content:/etc/machine-id"}},
				{Variations: []string{"hostname"}, Value: "builder-b", Outcome: report.TrialDiffers, Builds: 2, Findings: []string{"p2/ext4/data/content:/var/log/build.log"}},
				{Variations: []string{"locale"}, Outcome: report.TrialSame, Builds: 1},
				{Variations: []string{"kernel"}, Outcome: report.TrialSkipped, Why: "needs level vm"},
				{Variations: []string{"time", "timezone"}, Outcome: report.TrialUnstable, Builds: 2, Why: "the two builds differ"},
			},
		},
		Repeat: &report.Repeat{Planned: 10, Runs: 9, Note: "fewer than 1 in 3 builds differ", Results: []report.Result{
			{Digest: "sha256:" + strings.Repeat("ab", 32), Count: 7, Runs: []int{1, 2, 3, 5, 6, 8, 9}},
			{Digest: "sha256:" + strings.Repeat("cd", 32), Count: 2, Runs: []int{4, 7}},
		}},
	}
}

// hostile is what somebody might put into an image to fool a reader or a
// browser.
func hostile() *report.Report {
	esc := "\x1b[2J\x1b]0;owned\a"
	tag := `"><script>window.owned=1</script><img src=x onerror="window.owned=2">`
	end := "</script><script>window.owned=3</script><!-- <script> ]]>"
	return &report.Report{
		A: report.Input{Path: "a\n" + esc + tag + ".img", Size: mib, Format: "raw" + tag, Digest: end},
		B: report.Input{Path: report.Printable("b\xff\xfe.img") + end, Size: mib, Format: "raw"},
		Partitions: []report.Partition{{Number: 1, A: &report.PartitionSide{
			Start: 34, Sectors: 100, SectorSize: 512, Type: "83" + tag, Name: "\u202egnp.exe" + esc + tag, Label: report.Printable("\x9b31m"), Filesystem: end, UUID: tag, FSUUID: "${alert(1)}",
		}}, {Number: 2, A: &report.PartitionSide{Start: 1 << 62, Sectors: 1 << 62, SectorSize: 1 << 62}, B: &report.PartitionSide{Start: -5, Sectors: -5, SectorSize: -512}}},
		DifferingBytes: 40,
		Heat:           []report.Heat{{SizeA: mib, SizeB: mib, Bucket: 4096, Buckets: []report.Bucket{{Index: 0, Bytes: 40}}}},
		Findings: []report.Finding{
			{
				ID: "p1/ext4/data/1" + end, Partition: 1, Format: "ext4", Structure: "data", Field: "content",
				File: "/tmp/" + esc + tag + "reproducible: all is well\r\n\u202e\u2066x\u200b", A: "\u009b31mred" + tag, B: "\x00\x7f\u00a0\u2028" + end,
				Ranges: at(512, 10), Bytes: 10, Cause: report.Content, Note: "note" + esc + tag, Remedy: "rm\u202e -rf\n/" + tag,
				InsideKind: "gzip" + tag, InsideOmitted: 3, Inside: []report.Inside{
					{Where: "header" + esc + tag, Field: "MTIME" + end, A: "1" + esc, B: "2\n" + tag, Cause: report.Time},
				},
				Diff:   "--- a\n+++ b\n@@ -1,2 +1,2 @@\n-" + esc + tag + "\r\n \n+\u202eevil " + end + "\n",
				Sample: &report.Sample{Offset: 512, A: "3c2f7363726970743e", B: "3c2f5363726970743e"},
			},
			{
				ID: "p1/ext4/data/2", Partition: 1, Format: "ext4" + tag, Structure: "data" + end, Field: "xattr:user." + esc + tag,
				File: report.Printable("/a\xffb" + strings.Repeat("/long", 40)), A: strings.Repeat("z", 300) + "1", B: strings.Repeat("z", 300) + "2",
				Ranges: at(600, 10), Bytes: 10, Cause: report.Content, Files: []string{"/日本語/" + strings.Repeat("テ", 60), "/e" + strings.Repeat("\u0301", 40), tag, end, "\xff"},
			},
			{
				ID: "__proto__", Partition: 1, Format: "__proto__", Structure: "constructor", Field: "  ",
				File: "/\\xff", A: " ", Ranges: at(1<<62, 5), Bytes: 10, Cause: report.Content, Variation: "clock" + esc + tag, Allowed: "because" + esc + tag,
			},
			{
				ID: "hasOwnProperty", Partition: 1, Format: "ext4", Structure: "javascript:alert(1)", Field: "a\tb",
				Bytes: 10, Cause: report.Content, Derived: true, DerivedFrom: []string{"__proto__"},
			},
		},
		Warnings: []string{"cannot read " + esc + tag + "\nreproducible"},
		Policy: &report.Policy{
			Path: tag, Digest: end, Strict: true,
			Rules:    []report.PolicyRule{{Where: esc + tag, Names: end, Reason: tag, Expires: end, State: report.RuleUnused}},
			Baseline: &report.Baseline{Path: tag + esc, Worse: []report.Worse{{ID: end, Why: tag}}},
		},
		Verification: &report.Verification{
			Level: tag, Command: []string{"sh", end}, Variations: []report.Variation{{Name: tag, A: end, B: tag, Varied: true, Why: esc}},
			Attribution: &report.Attribution{Trials: []report.Trial{{Variations: []string{tag, end}, Value: esc, Outcome: report.TrialUnstable, Why: end, Findings: []string{"__proto__"}}}},
		},
	}
}

func folders() *report.Report {
	in := func(path string) report.Input { return report.Input{Path: path, Size: 3 * gib, Format: "directory"} }
	r := many()
	r.A, r.B, r.Verification = in("result"), in("result.check"), nil
	for i := range r.Partitions {
		r.Partitions[i].Image = "nixos.img"
	}
	r.Partitions = append(r.Partitions, report.Partition{Image: "data.img", A: &report.PartitionSide{Sectors: 2048, SectorSize: 512, Filesystem: "ext4"}, B: &report.PartitionSide{Sectors: 2048, SectorSize: 512, Filesystem: "ext4"}})
	for i := range r.Findings {
		f := &r.Findings[i]
		f.Image, f.ID = "nixos.img", "nixos.img:"+f.ID
		for k := range f.DerivedFrom {
			f.DerivedFrom[k] = "nixos.img:" + f.DerivedFrom[k]
		}
	}
	r.Heat[0].Image, r.Heat[0].SizeA, r.Heat[0].SizeB = "nixos.img", 2*gib, 2*gib
	r.Findings = append(r.Findings, report.Finding{
		ID: "efi-vars.fd:file/data/content", Format: "file", Structure: "data", Field: "content", File: "/efi-vars.fd",
		Ranges: at(100, 1), Bytes: 1, Cause: report.Content,
	})
	r.DifferingBytes++
	return r
}

// moved is a pair whose second disk is larger, with a root elsewhere.
func moved() *report.Report {
	p := efi()
	far := *p[1].A
	far.Start += 524288
	p[1].B = &far
	p = append(p, report.Partition{Number: 3, B: &report.PartitionSide{Start: 5242880, Sectors: 524288, SectorSize: 512, Type: "82", TypeName: "Linux swap", Bootable: true}})
	r := &report.Report{
		A: image("a.img"), B: image("b.img"), Partitions: p,
		Findings: []report.Finding{{
			ID: "p0/gpt/entry-2/StartingLBA", Format: "gpt", Structure: "entry 2", Field: "StartingLBA",
			A: "499712", B: "1024000", Ranges: at(1184, 2), Bytes: 2, Cause: report.Placement,
			Remedy: "give the partition's first sector: sgdisk -n 2:499712:0",
		}},
	}
	r.B.Size += 1500 * mib
	heat(r)
	return r
}

// crowd is a report of many findings, as two builds with a changed compiler
// give: a file each, and a consequence of every tenth.
func crowd(n int) *report.Report {
	r := &report.Report{A: image("a.img"), B: image("b.img"), Partitions: efi()}
	causes := report.Causes()
	for i := range n {
		f := report.Finding{
			ID: fmt.Sprintf("p2/ext4/data/content:/nix/store/%032x-package-%d/lib/lib%d.so", i*7919, i/16, i), Partition: 2, Format: "ext4", Structure: "data", Field: "content",
			File: fmt.Sprintf("/nix/store/%032x-package-%d/lib/lib%d.so", i*7919, i/16, i), A: fmt.Sprintf("%d bytes", 1000+i), B: fmt.Sprintf("%d bytes", 1001+i),
			Ranges: []report.Range{{Offset: rootAt + int64(i)*16384, Length: 96}, {Offset: rootAt + int64(i)*16384 + 4096, Length: 32}}, Bytes: 128, Cause: causes[i%len(causes)],
			Remedy: "find what writes this file, and pin its clock, randomness, order and paths",
		}
		switch {
		case i%10 == 9:
			f.Structure, f.Field, f.Derived, f.DerivedFrom = "inode", "i_checksum_lo", true, []string{r.Findings[i-1].ID}
		case i%50 == 0:
			f.Diff = "--- a\n+++ b\n@@ -1,3 +1,3 @@\n one\n-two " + fmt.Sprint(i) + "\n+zwei\n three\n"
		}
		if i < 4096 {
			f.Sample = &report.Sample{Offset: f.Ranges[0].Offset, A: strings.Repeat("5a", 64), B: strings.Repeat("5b", 64)}
		}
		r.Findings = append(r.Findings, f)
	}
	heat(r)
	return r
}
