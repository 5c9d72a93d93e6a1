// Package nixstore makes a small Nix store for tests, with the real Nix and
// without nixpkgs or a network: derivations that refer to each other and to
// themselves, a system that could be switched to, and a channel. It needs root,
// since Nix builds for a store that lies in another folder only in namespaces.
package nixstore

import (
	_ "embed"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
)

//go:embed closure.nix
var closure []byte

// Config is what else the system holds.
type Config struct {
	Kernel, Initrd string // files on this machine; empty: a line of text
	Params         string // the kernel's command line
	Loader         string // systemd-boot's program, which switch-to-configuration installs; empty: none
}

// Store is a Nix store with a system.
type Store struct {
	Root     string // the folder that stands for /
	Toplevel string // the system's store path
	Data     string // a path with a hard link, which the system needs
	Channel  string // a channel as make-disk-image lays it out; apart from the system
}

// Make builds a store in a folder of the test.
func Make(t testing.TB, c Config) Store {
	t.Helper()
	judge.Root(t)
	busybox := judge.Tool(t, "busybox")
	dir := t.TempDir()
	s := Store{Root: filepath.Join(dir, "root")}
	write := func(name string, content []byte, perm os.FileMode) {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, content, perm); err != nil {
			t.Fatal(err)
		}
	}
	read := func(file, otherwise string) []byte {
		if file == "" {
			return []byte(otherwise)
		}
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	write("closure.nix", closure, 0o644)
	// In a folder: Nix calls a builder by its store path's name, from which
	// busybox would take what it is to be.
	write("busybox/bin/busybox", read(busybox, ""), 0o755)
	write("boot/bzImage", read(c.Kernel, "a kernel\n"), 0o644)
	write("boot/initrd", read(c.Initrd, "an initrd\n"), 0o644)
	if c.Loader != "" {
		write("boot/loader.efi", read(c.Loader, ""), 0o644)
	}
	write("boot/params", []byte(c.Params), 0o644)
	s.Toplevel = s.build(t, dir, "toplevel")
	s.Data = s.build(t, dir, "data")
	s.Channel = s.build(t, dir, "channel")
	return s
}

func (s Store) build(t testing.TB, dir, attribute string) string {
	t.Helper()
	return strings.TrimSpace(s.Run(t, "", "nix-build", "--no-out-link", filepath.Join(dir, "closure.nix"), "-A", attribute))
}

// Registration is what nix-store --dump-db prints about the closure of paths.
func (s Store) Registration(t testing.TB, paths ...string) string {
	t.Helper()
	all := strings.Fields(s.Run(t, "", "nix-store", append([]string{"--query", "--requisites"}, paths...)...))
	return s.Run(t, "", "nix-store", append([]string{"--dump-db"}, all...)...)
}

// Run calls one of Nix's tools on the store, and ends the test where it fails.
// It returns what the tool printed.
func (s Store) Run(t testing.TB, stdin, name string, args ...string) string {
	t.Helper()
	out, said, err := s.Try(t, stdin, name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, said)
	}
	return out
}

// Try is Run for a tool that may fail: it returns what it said on standard
// error, too.
func (s Store) Try(t testing.TB, stdin, name string, args ...string) (out, said string, err error) {
	t.Helper()
	cmd := exec.Command(judge.Tool(t, name), append([]string{"--store", "local?root=" + s.Root}, args...)...)
	home := t.TempDir()
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "NIX_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	// As the nixbld users are missing on most machines, root builds.
	cmd.Env = append(
		cmd.Env, "HOME="+home, "NIX_CONF_DIR="+home, "XDG_CACHE_HOME="+home, "XDG_CONFIG_HOME="+home, "NIX_PATH=",
		"NIX_CONFIG=build-users-group =\nsubstituters =\nsandbox = true\nsandbox-fallback = false\nsandbox-paths =\nfsync-metadata = false\n",
	)
	var stdout, stderr strings.Builder
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	err = cmd.Run()
	return stdout.String(), stderr.String(), err
}
