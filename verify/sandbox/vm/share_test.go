package vm

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/build/guest/kernel"
	"github.com/reprodisk/reprodisk/internal/judge"
)

// stub writes a shell script that can be run.
func stub(t *testing.T, script string) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), "virtiofsd")
	if err := os.WriteFile(p, []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	return p
}

// kernelWith is a kernel that says that it has modules built in.
func kernelWith(t *testing.T, modules ...string) kernel.Kernel {
	t.Helper()
	path, folder := judge.Given(t, judge.KernelVariable), t.TempDir()
	k, err := kernel.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(folder, k.Version)
	if err := os.MkdirAll(filepath.Join(dir, "kernel"), 0o755); err != nil {
		t.Fatal(err)
	}
	builtin := ""
	for _, m := range modules {
		builtin += "kernel/" + m + ".ko\n"
	}
	for name, text := range map[string]string{"modules.dep": "", "modules.builtin": builtin, "modules.softdep": "", "modules.alias": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	k, err = kernel.Find(kernel.Where{Kernel: path, Modules: folder})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestTheWayIsWhatThereIs: a kernel with 9p alone has 9p, and one with neither
// is refused in a line that names both.
func TestTheWayIsWhatThereIs(t *testing.T) {
	s, err := chooseShare(t.Context(), kernelWith(t, "9p", "9pnet_virtio"), true)
	if err != nil || s.name != ninep || s.machine().Connect != nil || s.machine().Folder != "/" {
		t.Errorf("%+v, %v", s, err)
	}
	_, err = chooseShare(t.Context(), kernelWith(t, "ext2"), false)
	if err == nil || strings.Contains(err.Error(), "\n") {
		t.Fatal(err)
	}
	for _, want := range []string{"cannot see this host's files: by 9p: the kernel ", " has no module 9p; by virtiofs: the kernel ", " has no module virtiofs"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q lacks %q", err, want)
		}
	}
}

// TestBothDaemons are told apart by what they say of themselves.
func TestBothDaemons(t *testing.T) {
	real, err := daemonArgs(t.Context(), judge.File(t, "/usr/lib/qemu/virtiofsd"), true)
	if err != nil || !slices.Contains(real, "sandbox=namespace") || !slices.Contains(real, "source="+servedRoot) {
		t.Errorf("Debian 12's is called with %v, %v", real, err)
	}
	old := "echo '    -o source=PATH   shared directory tree'"
	rust := "echo '  --shared-dir <SHARED_DIR>'"
	for name, c := range map[string]struct {
		script string
		root   bool
		want   string
	}{
		"old, user":           {old, false, "works for root alone"},
		"Rust, root":          {rust, true, "--shared-dir=" + servedRoot + " --sandbox=namespace"},
		"Rust, user":          {rust, false, "has no --readonly"},
		"new, user":           {rust + "; echo ' --readonly'", false, "--readonly --shared-dir=/ --sandbox=none"},
		"something else":      {"echo hello", true, "is no virtiofsd that is known"},
		"what cannot be done": {"exit 3", true, "exit status 3"},
	} {
		args, err := daemonArgs(t.Context(), stub(t, c.script), c.root)
		got := strings.Join(args, " ")
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, not %q", name, got, c.want)
		}
	}
}
