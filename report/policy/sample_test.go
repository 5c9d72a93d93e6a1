package policy

import (
	"testing"
	"time"

	"github.com/reprodisk/reprodisk/report"
)

// sample is a report with a finding of every sort that a rule can name.
func sample(t testing.TB) *report.Report {
	t.Helper()
	at := func(off, n int64) []report.Range { return []report.Range{{Offset: off, Length: n}} }
	esp := &report.PartitionSide{Start: 2048, Sectors: 69632, SectorSize: 512, Type: "C12A7328-F81F-11D2-BA4B-00A0C93EC93B", TypeName: "EFI System", Name: "ESP", Filesystem: "vfat", Label: "BOOT"}
	root := &report.PartitionSide{Start: 81920, Sectors: 40960, SectorSize: 512, Type: "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709", TypeName: "Linux root (x86-64)", Name: "root", Filesystem: "ext4", Label: "nixos"}
	renamed := *root
	renamed.Name = "system"
	r := &report.Report{
		A: report.Input{Path: "a.img", Size: 64 << 20, Format: "raw"}, B: report.Input{Path: "b.img", Size: 64 << 20, Format: "raw"},
		Partitions: []report.Partition{{Number: 1, A: esp, B: esp}, {Number: 2, A: root, B: &renamed}, {Number: 3, B: esp}},
		Findings: []report.Finding{
			{ID: "p0/gpt/primary-header/DiskGUID", Format: "gpt", Structure: "primary header", Field: "DiskGUID", Ranges: at(568, 16), Bytes: 16, Cause: report.Random},
			{ID: "p0/gpt/primary-header/HeaderCRC32", Format: "gpt", Structure: "primary header", Field: "HeaderCRC32", Ranges: at(528, 4), Bytes: 4, Cause: report.Random, Derived: true, DerivedFrom: []string{"p0/gpt/primary-header/DiskGUID"}},
			{ID: "p1/fat/boot-sector/BS_VolID", Partition: 1, Format: "fat", Structure: "boot sector", Field: "BS_VolID", Ranges: at(1<<20+67, 4), Bytes: 4, Cause: report.Time},
			{ID: "p2/ext4/data/content:/var/log/build.log", Partition: 2, Format: "ext4", Structure: "data", Field: "content", File: "/var/log/build.log", Ranges: at(50<<20, 10), Bytes: 10, Cause: report.Environment},
			{
				ID: "p2/ext4/inode/i_ctime", Partition: 2, Format: "ext4", Structure: "inode", Field: "i_ctime", Files: []string{"/var/log/a", "/var/log/b"}, Count: 2,
				Ranges: []report.Range{{Offset: 44 << 20, Length: 4}, {Offset: 44<<20 + 256, Length: 4}}, Bytes: 8, Cause: report.Time,
			},
			{ID: "p2/ext4/inode/i_mtime", Partition: 2, Format: "ext4", Structure: "inode", Field: "i_mtime", Files: []string{"/var/log/a"}, FilesOmitted: 7, Count: 8, Ranges: at(45<<20, 4), RangesOmitted: 7, Bytes: 32, Cause: report.Time},
			{ID: "p3/disk/unknown/bytes", Partition: 3, Format: "disk", Structure: report.UnknownStructure, Field: "bytes", Ranges: at(63<<20, 12), Bytes: 12, Cause: report.Unknown},
		},
		DifferingBytes: 16 + 4 + 4 + 10 + 8 + 32 + 12,
	}
	if err := r.Finish(); err != nil {
		t.Fatal(err)
	}
	return r
}

const (
	disk   = "p0/gpt/primary-header/DiskGUID"
	crc    = "p0/gpt/primary-header/HeaderCRC32"
	volume = "p1/fat/boot-sector/BS_VolID"
	log    = "p2/ext4/data/content:/var/log/build.log"
	ctime  = "p2/ext4/inode/i_ctime"
	mtime  = "p2/ext4/inode/i_mtime"
	strays = "p3/disk/unknown/bytes"
)

var today = time.Date(2027, 1, 31, 23, 59, 0, 0, time.UTC)

// judged is the sample, held against a policy.
func judged(t testing.TB, text string, change func(*Gate)) *report.Report {
	t.Helper()
	p, err := Parse(FileName, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	r := sample(t)
	g := &Gate{Policy: p, Today: today}
	if change != nil {
		change(g)
	}
	if err := g.Judge(r); err != nil {
		t.Fatal(err)
	}
	return r
}

// reasons are the findings that are allowed, with why.
func reasons(r *report.Report) map[string]string {
	out := map[string]string{}
	for _, f := range r.Findings {
		if f.Allowed != "" {
			out[f.ID] = f.Allowed
		}
	}
	return out
}
