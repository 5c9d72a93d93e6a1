package compare

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/split"
)

// sha256sum is what coreutils says of a file.
func sha256sum(t testing.TB, file string) string {
	t.Helper()
	sum, _, _ := strings.Cut(judge.Must(t, "sha256sum", file), " ")
	return "sha256:" + strings.TrimPrefix(sum, `\`)
}

// TestDigestsAreThoseOfSha256sum: of the raw disk, of what dd copies of a
// partition, and of an image's file.
func TestDigestsAreThoseOfSha256sum(t *testing.T) {
	dir := t.TempDir()
	raw, edited, packed := filepath.Join(dir, "a.raw"), filepath.Join(dir, "b.raw"), filepath.Join(dir, "a.qcow2")
	gptDisk(t, raw)
	copyDisk(t, raw, edited)
	edit(t, edited, 41*mib+5000, flip, 1)
	judge.Must(t, "qemu-img", "convert", "-O", "qcow2", "-f", "raw", raw, packed)
	part := func(image, seek, count string) string {
		out := filepath.Join(dir, "part")
		sh(t, "dd", "if="+image, "of="+out, "bs=1M", "skip="+seek, "count="+count, "status=none")
		return sha256sum(t, out)
	}

	compare := func(a, b string) *report.Report {
		ia, err := split.Open(a)
		must(t, err)
		defer ia.Close()
		ib, err := split.Open(b)
		must(t, err)
		defer ib.Close()
		r, err := Images(context.Background(), ia, ib, Options{Digests: true})
		must(t, err)
		return r
	}
	for _, b := range []string{edited, packed} {
		r := compare(raw, b)
		disk := b
		if b == packed {
			disk = raw
		}
		if r.A.Digest != sha256sum(t, raw) || r.B.Digest != sha256sum(t, disk) || r.A.FileDigest != "" {
			t.Errorf("%s: the digests are %+v and %+v", b, r.A, r.B)
		}
		if want := map[bool]string{true: sha256sum(t, b)}[b == packed]; r.B.FileDigest != want {
			t.Errorf("%s: its file's digest is %q, not %q", b, r.B.FileDigest, want)
		}
		for i, at := range []struct{ seek, count string }{{"1", "34"}, {"40", "20"}} {
			p := r.Partitions[i]
			if p.A.Digest != part(raw, at.seek, at.count) || p.B.Digest != part(disk, at.seek, at.count) {
				t.Errorf("%s: partition %d has the digests %s and %s", b, p.Number, p.A.Digest, p.B.Digest)
			}
		}
	}
}

// TestDigestsOfFolders: of every file of both folders, once, disks as disks.
func TestDigestsOfFolders(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	for file, content := range map[string]string{
		filepath.Join(a, "same"): "x", filepath.Join(a, "other"): "1", filepath.Join(a, "only"): "a", filepath.Join(a, "sub/deep"): "d",
		filepath.Join(b, "same"): "x", filepath.Join(b, "other"): "2",
	} {
		must(t, os.MkdirAll(filepath.Dir(file), 0o777))
		must(t, os.WriteFile(file, []byte(content), 0o666))
	}
	gptDisk(t, filepath.Join(a, "disk.raw"))
	copyDisk(t, filepath.Join(a, "disk.raw"), filepath.Join(b, "disk.raw"))
	must(t, os.Symlink("same", filepath.Join(a, "link")))
	r, err := Folders(context.Background(), a, b, Options{Digests: true})
	must(t, err)
	for _, side := range []struct {
		in    report.Input
		dir   string
		names string
	}{{r.A, a, "disk.raw only other same sub/deep"}, {r.B, b, "disk.raw other same"}} {
		var names []string
		for _, f := range side.in.Files {
			names = append(names, f.Path)
			if want := sha256sum(t, filepath.Join(side.dir, f.Path)); f.Digest != want {
				t.Errorf("%s: %s, sha256sum says %s", f.Path, f.Digest, want)
			}
		}
		if got := strings.Join(names, " "); got != side.names {
			t.Errorf("the files are %s, not %s", got, side.names)
		}
	}
	for _, p := range r.Partitions {
		if p.A.Digest == "" || p.A.Digest != p.B.Digest {
			t.Errorf("partition %d of %s has the digests %q and %q", p.Number, p.Image, p.A.Digest, p.B.Digest)
		}
	}
}
