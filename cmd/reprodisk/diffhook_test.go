package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/judge/nixstore"
	"github.com/reprodisk/reprodisk/report"
)

// imageNix is a derivation that makes a filesystem with a random UUID, and one
// whose only output is such an image.
const imageNix = `
let
  busybox = "${builtins.path { path = ./busybox; name = "busybox"; }}/bin/busybox";
  make = name: script: derivation {
    inherit name busybox;
    system = builtins.currentSystem;
    builder = busybox;
    args = [ "sh" "-euc" script ];
  };
  image = to: ''
    $busybox dd if=/dev/zero of=${to} bs=1024 count=0 seek=4096 2>/dev/null
    $busybox mke2fs -F ${to} >/dev/null
  '';
in {
  folder = make "image" ("$busybox mkdir $out\n" + image "$out/nixos.img");
  file = make "disk.img" (image "$out");
  stable = make "stable" "echo always > $out";
}
`

// TestNixShowsWhatDiffers: the real Nix, told of the hook by its path alone,
// shows the report where a rebuild differs, and says nothing of a hook that
// failed.
func TestNixShowsWhatDiffers(t *testing.T) {
	if testing.Short() {
		t.Skip("builds with Nix")
	}
	s := nixstore.Make(t, nixstore.Config{})
	dir, reports := t.TempDir(), t.TempDir()
	busybox, err := os.ReadFile(judge.Tool(t, "busybox"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "busybox/bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"busybox/bin/busybox": busybox, "image.nix": []byte(imageNix)} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	link, script := filepath.Join(dir, hookName), filepath.Join(dir, "hook")
	if err := os.Symlink(self, link); err != nil {
		t.Fatal(err)
	}
	// As docs/nix.md has it; nothing of the environment is needed.
	if err := os.WriteFile(script, []byte("#!/bin/sh\nexec env -i "+link+" --report-dir "+reports+" \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	check := func(attribute, hook string) (said string, ok bool) {
		t.Helper()
		file := filepath.Join(dir, "image.nix")
		s.Run(t, "", "nix-build", "--no-out-link", file, "-A", attribute)
		_, said, err := s.Try(t, "", "nix-build", "--no-out-link", file, "-A", attribute, "--check", "--keep-failed",
			"--option", "run-diff-hook", "true", "--option", "diff-hook", hook)
		return said, err == nil
	}

	for _, hook := range []string{link, script} {
		said, ok := check("folder", hook)
		for _, want := range []string{"image.drv:\nnot reproducible: ", "nixos.img · filesystem · ext", "superblock s_uuid\n", "may not be deterministic"} {
			if ok || !strings.Contains(said, want) {
				t.Errorf("%s: Nix did not show %q:\n%s", hook, want, said)
			}
		}
		if strings.Contains(said, "diff hook execution failed") {
			t.Errorf("%s: %s", hook, said)
		}
	}
	said, _ := check("file", script)
	if !strings.Contains(said, "\nfilesystem · ext") || !strings.Contains(said, "superblock s_uuid\n") {
		t.Errorf("an output that is an image itself:\n%s", said)
	}
	if said, ok := check("stable", script); !ok || strings.Contains(said, "reproducible") {
		t.Errorf("an output that comes out the same:\n%s", said)
	}

	files, err := filepath.Glob(filepath.Join(reports, "*"))
	if err != nil || len(files) != 8 {
		t.Errorf("the reports are %v", files)
	}
	for _, file := range files {
		if !strings.HasSuffix(file, ".json") {
			continue
		}
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		r, err := report.ReadJSON(f)
		f.Close()
		if err != nil || r.Verdict != report.Unreproducible || !strings.HasSuffix(r.B.Path, ".check") {
			t.Errorf("%s: %v, %+v", file, err, r)
		}
	}

	// A hook in trouble says so in its line, and Nix that it failed.
	if err := os.WriteFile(script, []byte("#!/bin/sh\nexec "+link+" --report-dir /dev/null/x \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if said, _ := check("folder", script); !strings.Contains(said, "reprodisk: /dev/null") || !strings.Contains(said, "diff hook execution failed") {
		t.Errorf("trouble:\n%s", said)
	}
}
