package closure

import (
	"context"
	"fmt"
	"path"
	"path/filepath"

	"github.com/reprodisk/reprodisk/build/stage"
	"github.com/reprodisk/reprodisk/internal/nixdb"
	"github.com/reprodisk/reprodisk/internal/patherr"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// System is what is installed into a root beside the closure.
type System struct {
	Toplevel   string // store path of the system; empty: none
	Channel    string // store path of root's channel; empty: none
	ConfigFile string // on this machine, for /etc/nixos/configuration.nix; empty: none
}

// What Nix and NixOS make of the store's own folder: the group nixbld, whose
// number NixOS fixes, may add to it, and only the owner may remove.
const (
	storeMode  = tree.Directory | 0o1775
	buildGroup = 30000
)

// stateDir is where Nix keeps what is not in the store.
const stateDir = "/nix/var/nix"

// Install adds the closure to a staged root, in the way of
// nixos-install --no-bootloader --no-root-passwd: the store and its database,
// the profiles of the system and of root's channel, /etc/NIXOS. Whatever the
// root holds already stays, but what lies where a store path or a link goes.
func (c *Closure) Install(ctx context.Context, root *tree.Node, s System, o Options) error {
	for _, p := range []string{s.Toplevel, s.Channel} {
		if p != "" && !c.Has(p) {
			return fmt.Errorf("%s: does not belong to the closure that is installed", p)
		}
	}
	nodes, err := c.nodes(ctx, o)
	if err != nil {
		return err
	}
	database, err := c.database(nodes)
	if err != nil {
		return err
	}
	r := &installer{root: root, epoch: o.Epoch}
	store := r.folder(StoreDir)
	if r.err == nil {
		store.Inode = made(storeMode, o.Epoch)
		store.GID = buildGroup
		for _, n := range nodes {
			store.Add(n)
		}
	}
	// Where Nix keeps one name of each file that auto-optimise-store links. It
	// is empty until Nix fills it.
	r.folder(StoreDir + "/.links")

	r.file(stateDir+"/db/db.sqlite", madeFile(0o644, database, o.Epoch))
	r.file(stateDir+"/db/schema", madeFile(0o644, []byte(nixdb.SchemaVersion), o.Epoch))
	// The 8 MiB of db/reserved, which Nix deletes when a disk is full to have
	// room for deleting more, are not made: as a hole they would reserve
	// nothing. Nix makes them when it opens the store.
	r.put(stateDir+"/db/big-lock", madeFile(0o600, nil, o.Epoch))
	r.put(stateDir+"/gc.lock", madeFile(0o600, nil, o.Epoch))
	r.folder(stateDir + "/temproots")
	r.folder(stateDir + "/gcroots/auto")
	r.folder(stateDir + "/gcroots/per-user/root")
	r.put(stateDir+"/gcroots/profiles", madeLink(stateDir+"/profiles", o.Epoch))
	r.folder(stateDir + "/profiles/per-user/root")

	if s.Channel != "" {
		channels := stateDir + "/profiles/per-user/root/channels"
		r.profile(channels, s.Channel)
		if defexpr := r.folder("/root/.nix-defexpr"); r.err == nil {
			defexpr.Mode = tree.Directory | 0o700
		}
		r.put("/root/.nix-defexpr/channels", madeLink(channels, o.Epoch))
	}
	if s.Toplevel != "" {
		r.profile(stateDir+"/profiles/system", s.Toplevel)
		if etc := r.folder("/etc"); r.err == nil && etc.Child("NIXOS") == nil {
			r.put("/etc/NIXOS", madeFile(0o644, nil, o.Epoch))
		}
		r.folder("/etc/nixos")
	}
	if s.ConfigFile != "" && r.err == nil {
		r.err = r.configuration(ctx, s.ConfigFile)
	}
	return r.err
}

// database is the closure as Nix's database.
func (c *Closure) database(nodes []*tree.Node) ([]byte, error) {
	rows := make([]nixdb.Path, len(c.Paths))
	for i, p := range c.Paths {
		// No deriver: which of several derivations made a path depends on the
		// machine, and it is not in the image.
		rows[i] = nixdb.Path{Path: p.Path, NarHash: p.NarHash, NarSize: p.NarSize, CA: p.CA, References: p.References}
		if isDerivation(p.Path) {
			var err error
			if rows[i].Outputs, err = outputs(nodes[i]); err != nil {
				return nil, err
			}
		}
	}
	return nixdb.Encode(rows)
}

// installer adds to a root until its first error.
type installer struct {
	root  *tree.Node
	epoch int64
	err   error
}

// folder is a folder of the root, made where it is missing.
func (r *installer) folder(p string) *tree.Node {
	if r.err != nil {
		return nil
	}
	var n *tree.Node
	n, r.err = stage.Folder(r.root, p, r.epoch, "the Nix store")
	return n
}

// put adds a file or a link, in the place of what is there, but of no folder.
func (r *installer) put(p string, i *tree.Inode) {
	dir := r.folder(path.Dir(p))
	if r.err != nil {
		return
	}
	if there := dir.Child(path.Base(p)); there != nil && there.IsDir() {
		r.err = fmt.Errorf("the contents hold the folder %s, where the Nix installation has a file", p)
		return
	}
	dir.Add(&tree.Node{Name: path.Base(p), Inode: i})
}

// file adds a file that must not be there.
func (r *installer) file(p string, i *tree.Inode) {
	dir := r.folder(path.Dir(p))
	if r.err == nil && dir.Child(path.Base(p)) != nil {
		r.err = fmt.Errorf("the contents hold %s already, which is written for the closure; leave it out of them", p)
		return
	}
	r.put(p, i)
}

// profile makes the first generation of a profile, as nix-env --set does, and
// makes it a root of the garbage collector.
func (r *installer) profile(link, to string) {
	generation := link + "-1-link"
	r.put(generation, madeLink(to, r.epoch))
	r.put(link, madeLink(path.Base(generation), r.epoch))
	r.put(stateDir+"/gcroots/auto/"+indirectRoot(generation), madeLink(generation, r.epoch))
}

// configuration copies a file to /etc/nixos/configuration.nix, with the mode
// that cp gives it.
func (r *installer) configuration(ctx context.Context, file string) error {
	whole, err := filepath.EvalSymlinks(file)
	if err != nil {
		return fmt.Errorf("%s: %w", file, patherr.Bare(err))
	}
	nodes, err := stage.Read(ctx, []string{whole}, stage.Options{Epoch: r.epoch})
	if err != nil {
		return err
	}
	n := nodes[0]
	if n.Type() != tree.Regular {
		return fmt.Errorf("%s: is not a regular file", file)
	}
	t := tree.Time{Sec: r.epoch}
	n.Mode &^= 0o7022
	n.Mtime, n.Xattrs = t, nil
	r.put("/etc/nixos/configuration.nix", n.Inode)
	return r.err
}
