package closure

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/reprodisk/reprodisk/build/stage"
	"github.com/reprodisk/reprodisk/internal/patherr"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// Channel makes a store path of a source tree, laid out as make-disk-image's
// channelSources: the tree as "nixos", in it the link nixpkgs to itself where
// it has none, no .git, and the file .version-suffix. It joins the closure and
// returns the path.
//
// What nixpkgs' cleanSource leaves out of a tree is left out here too. Version
// is what the path is named after, config.system.nixos.version, and suffix what
// .version-suffix holds; see Version.
//
// The path is the one that nix-store --add-fixed --recursive sha256 gives to
// the same tree. The tree is read here once, to find its hash.
func (c *Closure) Channel(ctx context.Context, dir, version, suffix string, o Options) (string, error) {
	name := "nixos-" + version
	if err := checkName(name); err != nil {
		return "", err
	}
	whole, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return "", fmt.Errorf("%s: %w", dir, patherr.Bare(err))
	}
	read, err := stage.Read(ctx, []string{whole}, stage.Options{Epoch: o.Epoch, Workers: o.Workers})
	if err != nil {
		return "", err
	}
	nixos := read[0]
	if !nixos.IsDir() {
		return "", fmt.Errorf("%s: a channel is a folder", dir)
	}
	clean(nixos)
	nixos.Name = "nixos"
	if nixos.Child("nixpkgs") == nil {
		nixos.Add(&tree.Node{Name: "nixpkgs", Inode: madeLink(".", o.Epoch)})
	}
	nixos.Add(&tree.Node{Name: ".version-suffix", Inode: madeFile(0o444, []byte(suffix), o.Epoch)})
	top := &tree.Node{Inode: made(tree.Directory|0o555, o.Epoch), Children: []*tree.Node{nixos}}
	if err := canonical(top, o.Epoch); err != nil {
		return "", err
	}
	hash, size, err := HashNAR(ctx, top)
	if err != nil {
		return "", err
	}
	p := sourcePath(hash, name)
	top.Name = filepath.Base(p)
	if c.Has(p) {
		return p, nil
	}
	if c.made == nil {
		c.made = map[string]*tree.Node{}
	}
	c.made[p] = top
	c.Paths = append(c.Paths, Path{Path: p, NarHash: hash, NarSize: size, CA: "fixed:r:sha256:" + base32(hash[:])})
	return p, c.sort()
}

// swap are the files that vi leaves beside what it edits.
var swap = regexp.MustCompile(`^\.sw[a-z]$|^\..*\.sw[a-z]$`)

// clean takes out what nixpkgs' cleanSource does: version control, editors'
// backups, objects, links to results, and what is neither file, folder nor
// link.
func clean(n *tree.Node) {
	kept := n.Children[:0]
	for _, c := range n.Children {
		kind := c.Type()
		drop := false
		switch c.Name {
		case ".git":
			drop = true
		case ".svn", "CVS", ".hg":
			drop = kind == tree.Directory
		}
		drop = drop || strings.HasSuffix(c.Name, "~") || swap.MatchString(c.Name) ||
			kind == tree.Regular && (strings.HasSuffix(c.Name, ".o") || strings.HasSuffix(c.Name, ".so")) ||
			kind == tree.Symlink && (c.Name == "result" || strings.HasPrefix(c.Name, "result-")) ||
			kind != tree.Regular && kind != tree.Directory && kind != tree.Symlink
		if drop {
			continue
		}
		if kind == tree.Directory {
			clean(c)
		}
		kept = append(kept, c)
	}
	clear(n.Children[len(kept):])
	n.Children = kept
}

// maxVersion is the longest version that is read from a file, in bytes.
const maxVersion = 180

// Version is config.system.nixos.version and its versionSuffix, as files tell
// them: the system has its version in nixos-version, a channel its release in
// .version and perhaps the suffix in .version-suffix. Toplevel is the system's
// store path, "" for none, storeRoot as in Options.
func Version(toplevel, channel, storeRoot string) (version, suffix string, err error) {
	line := func(parts ...string) (string, error) {
		file := filepath.Join(parts...)
		b, err := os.ReadFile(file)
		if os.IsNotExist(err) {
			return "", nil
		}
		if err != nil {
			return "", fmt.Errorf("%s: %w", file, patherr.Bare(err))
		}
		s := strings.TrimSpace(string(b))
		if len(s) > maxVersion || s != "" && checkName(s) != nil {
			return "", fmt.Errorf("%s: %q is no version", file, shorten(s))
		}
		return s, nil
	}
	release, err := line(channel, ".version")
	if err != nil {
		return "", "", err
	}
	if toplevel != "" {
		if version, err = line("/", storeRoot, toplevel, "nixos-version"); err != nil {
			return "", "", err
		}
	}
	if version != "" {
		// A system of another release, or with a label of its own, tells
		// nothing about the suffix.
		if rest, ok := strings.CutPrefix(version, release); ok && release != "" {
			return version, rest, nil
		}
		return version, "", nil
	}
	if suffix, err = line(channel, ".version-suffix"); err != nil {
		return "", "", err
	}
	if version = release + suffix; version == "" {
		version = "channel"
	}
	return version, suffix, nil
}
