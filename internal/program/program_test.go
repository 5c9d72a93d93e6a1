package program

import (
	"os"
	"path/filepath"
	"testing"
)

func TestWhatIsFoundFirst(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("HOME", filepath.Join(dir, "home"))
	t.Setenv("PATH", filepath.Join(dir, "path"))
	kept := folders
	t.Cleanup(func() { folders = kept })
	folders = []string{filepath.Join(dir, "sbin")}
	place := filepath.Join(dir, "libexec/the-tool")
	if err := os.MkdirAll(filepath.Join(dir, "path/tool"), 0o755); err != nil { // a folder is no program
		t.Fatal(err)
	}
	for _, file := range []struct {
		name string
		mode os.FileMode
		want string // what is found when the file is there as well
	}{
		{"home/.nix-profile/bin/tool", 0o644, ""}, // which nobody can start
		{"libexec/the-tool", 0o755, "libexec/the-tool"},
		{"home/.nix-profile/bin/tool", 0o755, "home/.nix-profile/bin/tool"},
		{"sbin/tool", 0o755, "sbin/tool"},
	} {
		p := filepath.Join(dir, file.name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, nil, file.mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(p, file.mode); err != nil {
			t.Fatal(err)
		}
		want := file.want
		if want != "" {
			want = filepath.Join(dir, want)
		}
		if got, ok := Find("tool", filepath.Join(dir, "missing"), place); got != want || ok != (want != "") {
			t.Errorf("with %s: %q, %v; want %q", file.name, got, ok, want)
		}
	}
	t.Chdir(filepath.Join(dir, "sbin"))
	t.Setenv("PATH", ".")
	folders = nil
	if got, ok := Find("tool"); !ok || got != filepath.Join(dir, "sbin/tool") {
		t.Errorf("on a PATH of this folder: %q, %v", got, ok)
	}
}
