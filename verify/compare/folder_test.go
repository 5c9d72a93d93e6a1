package compare_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare"
)

// folder makes a folder of the given files.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func folders(t *testing.T, a, b string) *report.Report {
	t.Helper()
	r, err := compare.Folders(context.Background(), a, b, compare.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestFilesDifferByAsManyBytesAsCmpSays holds the count against cmp -l.
func TestFilesDifferByAsManyBytesAsCmpSays(t *testing.T) {
	big := strings.Repeat("0123456789abcdef", 1<<17) // two pieces
	changed := []byte(big)
	for i := 0; i < len(changed); i += 777 {
		changed[i] ^= 1
	}
	for name, pair := range map[string][2]string{
		"text": {"one\ntwo\n", "one\n2\n"}, "longer": {"abc", "abcd"}, "empty": {"", "x"},
		"many": {big, string(changed)}, "short": {big, string(changed[:len(changed)-5])},
	} {
		a, b := folder(t, map[string]string{"f": pair[0]}), folder(t, map[string]string{"f": pair[1]})
		r := folders(t, a, b)
		said := judge.Run(t, "cmp", "-l", filepath.Join(a, "f"), filepath.Join(b, "f")).Stdout
		if want := int64(strings.Count(said, "\n")); r.DifferingBytes != want || r.ExplainedBytes != want {
			t.Errorf("%s: %d bytes differ, %d explained; cmp counts %d", name, r.DifferingBytes, r.ExplainedBytes, want)
		}
		if r.Verdict != report.Unreproducible {
			t.Errorf("%s: %s", name, r.Verdict)
		}
		for _, f := range r.Findings {
			if f.File != "/f" || f.Format != "file" || f.Image != "" {
				t.Errorf("%s: finding about %q %q %q", name, f.Image, f.Format, f.File)
			}
		}
	}
}

// TestTextsAreShownAsADiff does so for a file that only grew, too.
func TestTextsAreShownAsADiff(t *testing.T) {
	for _, b := range []string{"one\nTWO\n", "one\ntwo\nthree\n"} {
		r := folders(t, folder(t, map[string]string{"d/f": "one\ntwo\n"}), folder(t, map[string]string{"d/f": b}))
		if diff := r.Findings[0].Diff; !strings.HasPrefix(diff, "--- a/d/f\n+++ b/d/f\n@@") {
			t.Errorf("%q: the diff is %q", b, diff)
		}
	}
}

// TestEntriesAreComparedByPath names what only one side has once, a folder
// with all that is in it.
func TestEntriesAreComparedByPath(t *testing.T) {
	a := folder(t, map[string]string{"gone/x": "1", "gone/y/z": "2", "gone-not": "", "kind": "", "run": "#!", "same": "s"})
	b := folder(t, map[string]string{"gone-not": "", "kind/x": "", "run": "#!", "same": "s", "new": "new"})
	for _, dir := range []string{a, b} {
		if err := os.Symlink(dir, filepath.Join(dir, "link")); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(b, "run"), 0o755); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range folders(t, a, b).Findings {
		got = append(got, f.ID)
	}
	want := "gone:folder/folder/entry kind/x:folder/folder/entry kind:folder/folder/type link:folder/symbolic-link/target new:folder/folder/entry run:folder/folder/mode"
	if s := strings.Join(got, " "); s != want {
		t.Errorf("findings\n%s, want\n%s", s, want)
	}
	if r := folders(t, a, a); r.Verdict != report.Reproducible || len(r.Findings) > 0 {
		t.Errorf("a folder differs from itself: %v", r.Findings)
	}
}

// TestImagesInFoldersAreComparedAsDisks tells them by their name or content.
func TestImagesInFoldersAreComparedAsDisks(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	for i, dir := range []string{a, b} {
		for _, name := range []string{"root", "sub/root.img"} {
			path := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, nil, 0o666); err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(path, 8<<20); err != nil {
				t.Fatal(err)
			}
			judge.Must(t, "mkfs.ext4", "-q", "-U", fmt.Sprintf("11111111-1111-1111-1111-11111111111%d", i), "-E", "hash_seed=22222222-2222-2222-2222-222222222222", path)
		}
	}
	r := folders(t, a, b)
	if r.DifferingBytes != r.ExplainedBytes || r.DifferingBytes == 0 {
		t.Errorf("%d bytes differ, %d are explained", r.DifferingBytes, r.ExplainedBytes)
	}
	found := map[string]bool{}
	for _, f := range r.Findings {
		found[f.ID] = true
		if !strings.HasPrefix(f.ID, f.Image+":p0/ext4/") {
			t.Errorf("finding %s of image %q", f.ID, f.Image)
		}
	}
	for _, id := range []string{"root:p0/ext4/superblock/s_uuid", "sub/root.img:p0/ext4/superblock/s_uuid"} {
		if !found[id] {
			t.Errorf("there is no finding %s", id)
		}
	}
	if len(r.Partitions) != 2 || r.Partitions[0].Image != "root" || r.Partitions[0].A.Filesystem != "ext4" {
		t.Errorf("partitions %+v", r.Partitions)
	}
	var buf bytes.Buffer
	if err := report.WriteJSON(&buf, r); err != nil {
		t.Fatal(err)
	}
	if _, err := report.ReadJSON(&buf); err != nil {
		t.Errorf("the report does not read back: %v", err)
	}
}

// TestHostileFoldersEnd goes through names that no shell likes, and through a
// folder that nests too deep.
func TestHostileFoldersEnd(t *testing.T) {
	a := folder(t, map[string]string{"a\nb\x1b[1m\xff": "1", "..x": "1"})
	b := folder(t, map[string]string{"a\nb\x1b[1m\xff": "2"})
	if r := folders(t, a, b); r.RootFindings != 2 {
		t.Errorf("%d root findings, want 2", r.RootFindings)
	}
	deep := t.TempDir()
	if err := os.MkdirAll(filepath.Join(deep, strings.Repeat("d/", 300)), 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := compare.Folders(context.Background(), deep, deep, compare.Options{}); err == nil || !strings.Contains(err.Error(), "nested deeper") {
		t.Errorf("a folder in 300 folders: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := compare.Folders(ctx, a, b, compare.Options{}); err == nil {
		t.Error("a comparison that was cancelled goes on")
	}
}
