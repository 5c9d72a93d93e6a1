package compare_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare"
)

// TestOutputsOfAnySort: two things that builds left, whatever they are, are
// compared as what they are, and by other names.
func TestOutputsOfAnySort(t *testing.T) {
	dir := t.TempDir()
	make := func(name, kind, content string) string {
		path := filepath.Join(dir, name)
		os.RemoveAll(path)
		var err error
		switch kind {
		case "file":
			err = os.WriteFile(path, []byte(content), 0o666)
		case "link":
			err = os.Symlink(content, path)
		case "folder":
			if err = os.Mkdir(path, 0o777); err == nil {
				err = os.WriteFile(filepath.Join(path, "f"), []byte(content), 0o666)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, c := range []struct {
		kindA, contentA, kindB, contentB string
		id                               string // of the only finding
	}{
		{"file", "one\n", "file", "two\n", "out:file/data/content"},
		{"file", "", "file", "", ""},
		{"file", "", "file", "x", "out:file/data/size"},
		{"link", "a", "link", "b", "out:folder/symbolic-link/target"},
		{"link", "a", "link", "a", ""},
		{"file", "a", "folder", "a", "out:folder/folder/type"},
		{"folder", "a", "folder", "b", "f:file/data/content"},
	} {
		a, b := make("out", c.kindA, c.contentA), make("out.check", c.kindB, c.contentB)
		r, err := compare.Outputs(context.Background(), a, b, compare.Options{})
		if err != nil {
			t.Errorf("%+v: %v", c, err)
			continue
		}
		if (r.Verdict == report.Reproducible) != (c.id == "") {
			t.Errorf("%+v: %s", c, r.Headline())
		}
		if c.id != "" && (len(r.Findings) != 1 || r.Findings[0].ID != c.id) {
			t.Errorf("%+v: %+v", c, r.Findings)
		}
	}
	if _, err := compare.Outputs(context.Background(), filepath.Join(dir, "gone"), dir, compare.Options{}); err == nil {
		t.Error("what is not there is compared")
	}
}
