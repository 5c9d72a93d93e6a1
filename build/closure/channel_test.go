package closure

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/build/stage"
	"github.com/reprodisk/reprodisk/internal/judge/nixstore"
)

// sources makes a folder with everything in it that a NAR tells apart, and that
// a channel leaves out.
func sources(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "nixpkgs")
	for name, content := range map[string]string{
		"default.nix": "{ }\n", ".version": "23.11\n", "lib/empty": "", "lib/seven": "1234567", "lib/eight": "12345678",
		"lib/large": strings.Repeat("0123456789", 100_000), ".git/config": "x", "lib/.git": "gitdir: x", "lib/a.nix~": "x",
		".default.nix.swp": "x", "lib/x.o": "x", "lib/x.so": "x", "CVS/Root": "x", "lib/CVS": "a file stays",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	for _, err := range []error{
		os.WriteFile(dir+"/run", []byte("#!/bin/sh\n"), 0o700), os.Chmod(dir+"/run", 0o700),
		os.Symlink("../lib/empty", dir+"/lib/link"), os.Symlink("/nix/store/x", dir+"/result"), os.Symlink("/nix/store/x", dir+"/result-2"),
		os.Mkdir(dir+"/none", 0o700),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// An archive is the one that nix-store --dump makes.
func TestNARIsNix(t *testing.T) {
	dir := sources(t)
	want := nixstore.Store{Root: t.TempDir()}.Run(t, "", "nix-store", "--dump", dir)
	nodes, err := stage.Read(context.Background(), []string{dir}, stage.Options{Epoch: 1})
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	size, err := WriteNAR(context.Background(), &got, nodes[0])
	if err != nil || got.String() != want || size != int64(len(want)) {
		t.Errorf("%d bytes, %d written, %v; nix-store --dump makes %d", size, got.Len(), err, len(want))
	}
}

// A channel made of a folder has the layout of make-disk-image's, and the store
// path that Nix would give it; Nix finds nothing wrong with it.
func TestChannel(t *testing.T) {
	ctx := context.Background()
	dir, c := sources(t), &Closure{}
	o := Options{Epoch: 1, Verify: true}
	p, err := c.Channel(ctx, dir, "23.11pre-git", "pre-git", o)
	if err != nil {
		t.Fatal(err)
	}
	root := emptyRoot()
	if err := c.Install(ctx, root, System{Channel: p}, o); err != nil {
		t.Fatal(err)
	}
	in := nixstore.Store{Root: mounted(t, root)}
	channel := in.Root + p
	for name, want := range map[string]bool{
		"default.nix": true, "lib/eight": true, "lib/link": true, "none": true, "lib/CVS": true, "nixpkgs/lib/large": true,
		".git": false, "lib/.git": false, "lib/a.nix~": false, ".default.nix.swp": false, "lib/x.o": false, "lib/x.so": false,
		"CVS": false, "result": false, "result-2": false,
	} {
		if _, err := os.Lstat(filepath.Join(channel, "nixos", name)); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if b, err := os.ReadFile(channel + "/nixos/.version-suffix"); err != nil || string(b) != "pre-git" {
		t.Errorf("%q %v", b, err)
	}
	if target, _ := os.Readlink(channel + "/nixos/nixpkgs"); target != "." {
		t.Errorf("nixpkgs -> %s", target)
	}
	if _, said, err := in.Try(t, "", "nix-store", "--verify", "--check-contents"); err != nil || strings.Contains(said, "modified") {
		t.Error(said, err)
	}
	other := nixstore.Store{Root: t.TempDir()}
	copied := filepath.Join(t.TempDir(), "nixos-23.11pre-git")
	if err := os.CopyFS(copied, os.DirFS(channel)); err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(other.Run(t, "", "nix-store", "--add-fixed", "--recursive", "sha256", copied)); got != p {
		t.Errorf("the channel is %s; nix-store makes it %s", p, got)
	}
	// Where the sources lie, who owns them and when they were made has no part.
	second := filepath.Join(t.TempDir(), "moved")
	if err := os.Rename(dir, second); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(second, 0o700); err != nil {
		t.Fatal(err)
	}
	if again, err := (&Closure{}).Channel(ctx, second, "23.11pre-git", "pre-git", Options{Epoch: 5}); err != nil || again != p {
		t.Error(again, err)
	}
}

func TestChannelIsRefused(t *testing.T) {
	ctx, c := context.Background(), &Closure{}
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct{ dir, version, want string }{
		{dir, "a b", `the name "nixos-a b" of a store path holds ' '`},
		{file, "1", file + ": a channel is a folder"},
		{dir + "/none", "1", dir + "/none: no such file or directory"},
	} {
		if _, err := c.Channel(ctx, x.dir, x.version, "", Options{Epoch: 1}); err == nil || err.Error() != x.want {
			t.Errorf("%v, want %s", err, x.want)
		}
	}
}

func TestVersion(t *testing.T) {
	root, channel := t.TempDir(), t.TempDir()
	system := root + pathA
	write := func(file, content string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	check := func(toplevel, version, suffix string) {
		t.Helper()
		v, s, err := Version(toplevel, channel, root)
		if err != nil || v != version || s != suffix {
			t.Errorf("%q %q %v, want %q %q", v, s, err, version, suffix)
		}
	}
	check("", "channel", "")
	write(channel+"/.version", "23.11\n")
	check("", "23.11", "")
	write(channel+"/.version-suffix", "pre-git")
	check("", "23.11pre-git", "pre-git")
	check(pathA, "23.11pre-git", "pre-git") // a system that does not tell
	write(system+"/nixos-version", "23.11.20240101.abc")
	check(pathA, "23.11.20240101.abc", ".20240101.abc")
	write(system+"/nixos-version", "my-label")
	check(pathA, "my-label", "")
	write(system+"/nixos-version", "my label")
	if _, _, err := Version(pathA, channel, root); err == nil || err.Error() != system+`/nixos-version: "my label" is no version` {
		t.Error(err)
	}
}
