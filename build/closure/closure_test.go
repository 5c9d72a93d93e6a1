package closure

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"sort"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/judge/nixstore"
	"github.com/reprodisk/reprodisk/internal/mkfs/mkext4"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// read is the closure of some of a store's paths.
func read(t *testing.T, from Source, roots ...string) *Closure {
	t.Helper()
	c, err := Read(context.Background(), roots, from)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func emptyRoot() *tree.Node { return &tree.Node{Inode: made(tree.Directory|0o755, 1)} }

// mounted writes a tree onto a filesystem, mounts it, and returns the folder.
func mounted(t *testing.T, root *tree.Node) string {
	t.Helper()
	judge.Root(t)
	dir := t.TempDir()
	image := filepath.Join(dir, "image")
	f, err := os.Create(image)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const size = 64 << 20
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	_, err = mkext4.Write(context.Background(), f, root, mkext4.Options{
		Size: size, UUID: [16]byte{1}, HashSeed: [16]byte{1}, Epoch: tree.Time{Sec: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	if r := judge.Run(t, "e2fsck", "-fn", image); r.Status != 0 {
		t.Fatal(r.Stdout, r.Stderr)
	}
	folder := filepath.Join(dir, "mounted")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	judge.Must(t, "mount", "-o", "loop,noatime", image, folder)
	t.Cleanup(func() { judge.Must(t, "umount", folder) })
	return folder
}

// One store for all that needs a real one.
func TestWithNix(t *testing.T) {
	s := nixstore.Make(t, nixstore.Config{})
	for _, c := range []struct {
		name  string
		check func(*testing.T, nixstore.Store)
	}{
		{"sources agree", checkSourcesAgree},
		{"real Nix accepts the root", checkRealNixAcceptsTheRoot},
		{"as nixos-install", checkAsNixosInstall},
		{"hard links stay", checkHardLinksStay},
		{"spec", checkSpec},
		{"verify", checkVerify}, // changes the store
	} {
		t.Run(c.name, func(t *testing.T) { c.check(t, s) })
	}
}

// Every source tells the same about a closure, and the real nix-store is one.
func checkSourcesAgree(t *testing.T, s nixstore.Store) {
	file := filepath.Join(t.TempDir(), "registration")
	if err := os.WriteFile(file, []byte(s.Registration(t, s.Toplevel, s.Channel)), 0o644); err != nil {
		t.Fatal(err)
	}
	want := read(t, Registration{file}, s.Toplevel)
	if len(want.Paths) != 6 || want.Paths[5].Path != s.Toplevel || want.Has(s.Channel) {
		t.Fatalf("the closure is %+v", want.Paths)
	}
	place := map[string]int{}
	for i, p := range want.Paths {
		place[p.Path] = i + 1
		for _, r := range p.References {
			if place[r] == 0 {
				t.Errorf("%s stands before %s, to which it refers", p.Path, r)
			}
		}
	}
	for _, from := range []Source{Database{s.Root}, Command{s.Root}, Local{s.Root}} {
		if got := read(t, from, s.Toplevel); !reflect.DeepEqual(got, want) {
			t.Errorf("%T: %+v\nwant %+v", from, got.Paths, want.Paths)
		}
	}
	// A database in use is not read, and nix-store is asked instead.
	wal := filepath.Join(s.Root, "nix/var/nix/db/db.sqlite-wal")
	if err := os.WriteFile(wal, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := Read(context.Background(), []string{s.Toplevel}, Database{s.Root})
	if err == nil || !strings.Contains(err.Error(), "is in use: a part of it stands in db.sqlite-wal") {
		t.Error(err)
	}
	if got := read(t, Local{s.Root}, s.Toplevel); !reflect.DeepEqual(got, want) {
		t.Error("nix-store was not asked")
	}
	if err := os.RemoveAll(wal); err != nil {
		t.Fatal(err)
	}
}

// What nix-store --verify --check-contents says about the mounted root, and
// what nix-env and nix-store can do with it.
func checkRealNixAcceptsTheRoot(t *testing.T, s nixstore.Store) {
	drv := strings.TrimSpace(s.Run(t, "", "nix-store", "--query", "--deriver", s.Data))
	c := read(t, Database{s.Root}, s.Toplevel, s.Channel, drv)
	root := emptyRoot()
	err := c.Install(context.Background(), root, System{Toplevel: s.Toplevel, Channel: s.Channel}, Options{Epoch: 1, StoreRoot: s.Root, Verify: true})
	if err != nil {
		t.Fatal(err)
	}
	in := nixstore.Store{Root: mounted(t, root)}
	out, said, err := in.Try(t, "", "nix-store", "--verify", "--check-contents")
	if err != nil || strings.Contains(said, "modified") || strings.Contains(said, "missing") || strings.Contains(said, "error") || !strings.Contains(said, "checking store hashes") {
		t.Fatalf("%v %s %s", err, out, said)
	}
	var want []string
	for _, p := range c.Paths {
		want = append(want, p.Path)
	}
	sort.Strings(want)
	if got := strings.Fields(in.Run(t, "", "nix-store", "--query", "--requisites", s.Toplevel, s.Channel, drv)); !reflect.DeepEqual(sorted(got), want) {
		t.Errorf("requisites %s", got)
	}
	if got := strings.TrimSpace(in.Run(t, "", "nix-store", "--query", "--binding", "out", drv)); got != s.Data {
		t.Errorf("the derivation's output is %s", got)
	}
	// Nothing of it is garbage, but the derivation that no root needs.
	if got := in.Run(t, "", "nix-store", "--gc", "--print-dead"); strings.TrimSpace(got) != drv {
		t.Errorf("dead: %s", got)
	}
	// And Nix goes on from there.
	profile := filepath.Join(in.Root, "nix/var/nix/profiles/system")
	in.Run(t, "", "nix-env", "--profile", profile, "--set", s.Data)
	if got, _ := os.Readlink(profile); got != "system-2-link" {
		t.Errorf("the profile is %s", got)
	}
	in.Run(t, "", "nix-store", "--delete", drv)
	in.Run(t, "", "nix-store", "--verify", "--check-contents")
}

func sorted(s []string) []string { sort.Strings(s); return s }

// list is everything below a root: type, mode, owner, and a link's target.
func list(t *testing.T, root string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.Walk(root, func(p string, fi os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		name := "/" + strings.TrimPrefix(strings.TrimPrefix(p, root), "/")
		if name == "/" || name == "/lost+found" {
			return nil
		}
		out[name] = fi.Mode().String()
		if fi.Mode()&os.ModeSymlink != 0 {
			target, err := os.Readlink(p)
			if err != nil {
				return err
			}
			// A store in another folder knows its links by where it lies.
			out[name] += " " + strings.TrimPrefix(target, root)
		}
		if strings.HasPrefix(name, StoreDir+"/") && path.Dir(name) != StoreDir {
			out[name] += fmt.Sprintf(" %d", fi.ModTime().Unix())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// The root is the one that nixos-install --no-bootloader makes with Nix, but
// for what docs/make-disk-image.md says.
func checkAsNixosInstall(t *testing.T, s nixstore.Store) {
	root := emptyRoot()
	c := read(t, Database{s.Root}, s.Toplevel, s.Channel)
	if err := c.Install(context.Background(), root, System{Toplevel: s.Toplevel, Channel: s.Channel}, Options{Epoch: 1, StoreRoot: s.Root}); err != nil {
		t.Fatal(err)
	}
	got := list(t, mounted(t, root))

	// What the script does: nix-env copies both closures and sets the profiles.
	real := nixstore.Store{Root: t.TempDir()}
	from := "local?root=" + s.Root + "&trusted=1"
	profiles := filepath.Join(real.Root, "nix/var/nix/profiles")
	for _, dir := range []string{profiles + "/per-user/root", real.Root + "/root", real.Root + "/etc/nixos"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range [][2]string{{profiles + "/per-user/root/channels", s.Channel}, {profiles + "/system", s.Toplevel}} {
		real.Run(t, "", "nix-env", "--substituters", "", "--extra-substituters", from, "--profile", p[0], "--set", p[1])
	}
	if err := os.Mkdir(real.Root+"/root/.nix-defexpr", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/nix/var/nix/profiles/per-user/root/channels", real.Root+"/root/.nix-defexpr/channels"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(real.Root+"/etc/NIXOS", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	want := list(t, real.Root)
	// Room that Nix reserves when it opens the store.
	delete(want, "/nix/var/nix/db/reserved")
	// Nix gives the store its mode where the group nixbld is known.
	if got["/nix/store"] != "dtrwxrwxr-x" {
		t.Errorf("the store's mode is %s", got["/nix/store"])
	}
	delete(got, "/nix/store")
	delete(want, "/nix/store")
	// The names of indirect roots are hashes of where the links lie.
	for _, l := range []map[string]string{got, want} {
		for name, what := range l {
			if dir, _ := path.Split(name); dir == "/nix/var/nix/gcroots/auto/" {
				delete(l, name)
				l[dir+path.Base(what)] = what
			}
		}
	}
	if !reflect.DeepEqual(got, want) {
		for name, what := range want {
			if got[name] != what {
				t.Errorf("%s: %q, with nixos-install %q", name, got[name], what)
			}
		}
		for name, what := range got {
			if want[name] == "" {
				t.Errorf("%s: %q, with nixos-install nothing", name, what)
			}
		}
	}
}

// Files that the host's store links stay linked, within a path and between
// paths, and take their space once.
func checkHardLinksStay(t *testing.T, s nixstore.Store) {
	s.Run(t, "", "nix-store", "--optimise")
	c := read(t, Database{s.Root}, s.Toplevel)
	top, err := c.Store(context.Background(), Options{Epoch: 1, StoreRoot: s.Root})
	if err != nil {
		t.Fatal(err)
	}
	share := top.Child(path.Base(s.Data)).Child("share")
	if share.Child("f0").Inode != share.Child("hardlink").Inode {
		t.Error("hard links in a path are apart")
	}
	if top.Child(".links") != nil || len(top.Children) != 6 {
		t.Errorf("the store holds %d paths", len(top.Children))
	}
}

// A store whose contents changed is found by verifying, and named.
func checkVerify(t *testing.T, s nixstore.Store) {
	c := read(t, Database{s.Root}, s.Toplevel)
	o := Options{Epoch: 1, StoreRoot: s.Root, Verify: true}
	if _, err := c.Store(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(s.Root, s.Data, "share/f7")
	if err := os.WriteFile(file, []byte("other"), 0o444); err != nil {
		t.Fatal(err)
	}
	_, err := c.Store(context.Background(), o)
	if err == nil || !strings.HasPrefix(err.Error(), s.Root+s.Data+": its contents changed since it was registered: ") {
		t.Error(err)
	}
	o.Verify = false
	if _, err := c.Store(context.Background(), o); err != nil {
		t.Error(err)
	}
}
