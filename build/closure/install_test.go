package closure

import (
	"bytes"
	"context"
	"os"
	"path"
	"path/filepath"
	"testing"

	"github.com/reprodisk/reprodisk/internal/tree"
)

// handmade is a store with two paths that no Nix made, and their closure.
func handmade(t *testing.T) (root string, c *Closure) {
	t.Helper()
	root = t.TempDir()
	dir := root + pathA
	for _, err := range []error{
		os.MkdirAll(dir+"/bin", 0o755),
		os.WriteFile(dir+"/bin/tool", []byte("#!"), 0o700),
		os.WriteFile(dir+"/text", []byte("text"), 0o666),
		os.Symlink("bin/tool", dir+"/link"),
		os.WriteFile(root+pathB, []byte("b"), 0o644),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	c, err := Read(context.Background(), []string{pathB}, listed{{Path: pathA}, {Path: pathB, References: []string{pathA, pathB}}})
	if err != nil {
		t.Fatal(err)
	}
	return root, c
}

// listed is a source that knows its paths.
type listed []Path

func (l listed) Closure(context.Context, []string) ([]Path, error) { return l, nil }
func (l listed) String() string                                    { return "a list" }

func nodeAt(t *testing.T, root *tree.Node, p string) *tree.Node {
	t.Helper()
	n := root
	for _, name := range splitPath(p) {
		if n = n.Child(name); n == nil {
			t.Fatalf("%s is not there", p)
		}
	}
	return n
}

func splitPath(p string) []string {
	if p == "/" {
		return nil
	}
	return append(splitPath(path.Dir(p)), path.Base(p))
}

// Every file in the store is as Nix has it, however the host has it.
func TestCanonical(t *testing.T) {
	from, c := handmade(t)
	root := emptyRoot()
	const epoch = 1_000_000
	if err := c.Install(context.Background(), root, System{}, Options{Epoch: epoch, StoreRoot: from}); err != nil {
		t.Fatal(err)
	}
	for p, mode := range map[string]uint32{"": 0o040555, "/bin": 0o040555, "/bin/tool": 0o100555, "/text": 0o100444, "/link": 0o120777} {
		n := nodeAt(t, root, pathA+p)
		if n.Mode != mode || n.Mtime != (tree.Time{Sec: 1}) || n.Ctime != (tree.Time{Sec: epoch}) || n.UID != 0 || n.GID != 0 {
			t.Errorf("%s: mode %o, times %v %v, owner %d:%d", p, n.Mode, n.Mtime, n.Ctime, n.UID, n.GID)
		}
	}
	if n := nodeAt(t, root, StoreDir); n.Mode != 0o041775 || n.GID != 30000 || n.Mtime.Sec != epoch {
		t.Errorf("the store: %o, group %d, %v", n.Mode, n.GID, n.Mtime)
	}
	// No system: nothing that says that one is there.
	for _, p := range []string{"/etc", "/root"} {
		if root.Child(p[1:]) != nil {
			t.Errorf("%s was made", p)
		}
	}
}

func folderNode(name string, perm uint32, children ...*tree.Node) *tree.Node {
	n := &tree.Node{Name: name, Inode: made(tree.Directory|perm, 1)}
	for _, c := range children {
		n.Add(c)
	}
	return n
}

// What the contents brought stays; links in it lead to no place outside.
func TestInstallOntoContents(t *testing.T) {
	from, c := handmade(t)
	root := emptyRoot()
	root.Add(&tree.Node{Name: "nix", Inode: madeLink("/data/nix", 1)})
	root.Add(folderNode("data", 0o711, folderNode("nix", 0o755)))
	root.Add(folderNode("etc", 0o750,
		&tree.Node{Name: "NIXOS", Inode: madeFile(0o600, []byte("mine"), 1)},
		folderNode("nixos", 0o700, &tree.Node{Name: "configuration.nix", Inode: madeFile(0o644, []byte("old"), 1)})))
	config := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(config, []byte("{ }"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(config, 0o666); err != nil {
		t.Fatal(err)
	}
	err := c.Install(context.Background(), root, System{Toplevel: pathA, ConfigFile: config}, Options{Epoch: 1, StoreRoot: from})
	if err != nil {
		t.Fatal(err)
	}
	if nodeAt(t, root, "/data"+pathA).Mode != 0o040555 || nodeAt(t, root, "/data").Mode != 0o040711 || nodeAt(t, root, "/etc").Mode != 0o040750 {
		t.Error("folders of the contents changed")
	}
	if n := nodeAt(t, root, "/etc/NIXOS"); n.Size != 4 || n.Mode != 0o100600 {
		t.Error("a file that is there was not left alone")
	}
	if n := nodeAt(t, root, "/etc/nixos/configuration.nix"); n.Size != 3 || n.Mode != 0o100644 || len(n.Xattrs) != 0 {
		t.Errorf("configuration.nix: %d bytes, %o", n.Size, n.Mode)
	}
	if n := nodeAt(t, root, "/data/nix/var/nix/profiles/system"); n.Target != "system-1-link" {
		t.Error(n.Target)
	}
}

func TestInstallIsRefused(t *testing.T) {
	from, c := handmade(t)
	ctx := context.Background()
	o := Options{Epoch: 1, StoreRoot: from}
	check := func(root *tree.Node, s System, want string) {
		t.Helper()
		if err := c.Install(ctx, root, s, o); err == nil || err.Error() != want {
			t.Errorf("%v\nwant %s", err, want)
		}
	}
	check(emptyRoot(), System{Toplevel: drvB}, drvB+": does not belong to the closure that is installed")
	root := emptyRoot()
	root.Add(&tree.Node{Name: "nix", Inode: madeFile(0o644, nil, 1)})
	check(root, System{}, `/nix/store goes through "nix", which is no directory`)
	root = emptyRoot()
	if err := c.Install(ctx, root, System{}, o); err != nil {
		t.Fatal(err)
	}
	check(root, System{}, "the contents hold /nix/var/nix/db/db.sqlite already, which is written for the closure; leave it out of them")
	check(emptyRoot(), System{Toplevel: pathA, ConfigFile: from}, from+": is not a regular file")
	// A store that lost a path, and one that holds what none can.
	if err := os.Remove(from + pathB); err != nil {
		t.Fatal(err)
	}
	check(emptyRoot(), System{}, from+pathB+": no such file or directory")
}

func TestFind(t *testing.T) {
	from, _ := handmade(t)
	dir := t.TempDir()
	for link, target := range map[string]string{"result": pathA, "twice": "result", "file": pathA + "/text", "diverted": from + pathA, "loop": "loop", "away": "/etc"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range []string{pathA, pathA + "/", pathA + "/bin/tool", from + pathA, dir + "/result", dir + "/twice", dir + "/file", dir + "/diverted"} {
		if got, err := Find(from, p); err != nil || got != pathA {
			t.Errorf("%s: %s, %v", p, got, err)
		}
	}
	for p, want := range map[string]string{
		dir + "/loop": dir + "/loop: goes through more than 40 links: they loop", dir + "/away": dir + "/away: does not lie in the Nix store",
		dir + "/none": dir + "/none: no such file or directory", "/nix/store/x": `"/nix/store/x" is no store path: /nix/store/HASH-NAME is one`,
		StoreDir + "/../../etc": StoreDir + "/../../etc: no such file or directory",
	} {
		if _, err := Find(from, p); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", p, err, want)
		}
	}
}

// The tree does not depend on the source's order nor on the workers.
func TestSameTree(t *testing.T) {
	from, c := handmade(t)
	turned, err := Read(context.Background(), []string{pathB, pathA}, listed{{Path: pathB, References: []string{pathB, pathA, pathA}, Deriver: drvB}, {Path: pathA}})
	if err != nil {
		t.Fatal(err)
	}
	var databases [][]byte
	for i, c := range []*Closure{c, turned} {
		root := emptyRoot()
		if err := c.Install(context.Background(), root, System{}, Options{Epoch: 1, StoreRoot: from, Workers: 1 + 3*i}); err != nil {
			t.Fatal(err)
		}
		r, err := nodeAt(t, root, "/nix/var/nix/db/db.sqlite").Content.Open()
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if _, err := b.ReadFrom(r); err != nil {
			t.Fatal(err)
		}
		databases = append(databases, b.Bytes())
	}
	if !bytes.Equal(databases[0], databases[1]) {
		t.Error("two databases of one closure differ")
	}
}
