package stage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"runtime"
	"strings"

	"github.com/reprodisk/reprodisk/build/spec"
	"github.com/reprodisk/reprodisk/internal/patherr"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// Options are what a tree depends on beside its entries.
type Options struct {
	// Epoch, in seconds since 1970, is the latest modification time that stays;
	// every other time in the tree is the epoch.
	Epoch int64
	// Workers read sources beside the caller. 0 means as many as there are
	// processors. The tree is the same with any number.
	Workers int
	// Owners says when the names of owners are looked up.
	Owners Owners
}

// Owners says when the names of owners are looked up in the image's own files.
type Owners int

const (
	// OwnersNow: whatever is not there is an error.
	OwnersNow Owners = iota
	// OwnersOrLater: what is not there is looked up later, when the image's
	// system may have made it.
	OwnersOrLater
	// OwnersLater: the image's system makes them itself, whatever is there yet.
	OwnersLater
)

// Staged is the tree, and what should be said about it.
type Staged struct {
	Root     *tree.Node
	Warnings []string // in the order of the entries, each one line
	// Later are the entries whose owners are still to be set.
	Later []spec.Content
}

// Stage reads all sources and makes the tree of them. Entries are taken in
// their order. Every error begins with the place of its entry in the spec.
func Stage(ctx context.Context, entries []spec.Content, o Options) (*Staged, error) {
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	s := &stager{
		epoch:  tree.Time{Sec: o.Epoch},
		slots:  make(chan struct{}, o.Workers),
		joined: map[*tree.Node]bool{},
	}
	s.root = s.implied("", "")
	placed := make([]*tree.Node, len(entries))
	for i, c := range entries {
		var err error
		if placed[i], err = s.entry(ctx, c, i+1 < len(entries)); err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, fmt.Errorf("%s: %w", c.Pos, err)
		}
	}
	// Only now is the image's own list of users complete.
	names := &accounts{root: s.root, files: map[string]map[string]uint32{}}
	staged := &Staged{Root: s.root}
	for i, c := range entries {
		if c.User == "" && c.Group == "" {
			continue
		}
		uid, err := names.id("user", "/etc/passwd", c.User)
		gid, err2 := names.id("group", "/etc/group", c.Group)
		if err = cmp.Or(err, err2); err != nil && o.Owners == OwnersNow {
			return nil, fmt.Errorf("%s: %s: %w", c.Pos, c.Target, err)
		}
		named := !everywhere(c.User) || !everywhere(c.Group)
		// A later entry goes before an earlier one: from the first that has to
		// wait, all wait.
		if err != nil || named && o.Owners == OwnersLater || len(staged.Later) > 0 {
			staged.Later = append(staged.Later, c)
			continue
		}
		chown(placed[i], uid, gid)
	}
	staged.Warnings = s.warnings
	return staged, nil
}

type stager struct {
	root  *tree.Node
	epoch tree.Time
	slots chan struct{}
	// joined are the directories that an entry with target / brought, into
	// which later entries may graft.
	joined   map[*tree.Node]bool
	warnings []string
}

// implied is a directory that no source brought.
func (s *stager) implied(name, origin string) *tree.Node {
	return &tree.Node{Name: name, Inode: &tree.Inode{
		Mode: tree.Directory | 0o755, Origin: origin,
		Atime: s.epoch, Mtime: s.epoch, Ctime: s.epoch, Btime: s.epoch,
	}}
}

// entry places one entry, and returns what its owner is set on.
func (s *stager) entry(ctx context.Context, c spec.Content, more bool) (*tree.Node, error) {
	mode, err := ParseMode(c.Mode)
	if err != nil {
		return nil, err
	}
	for _, name := range split(c.Target) {
		if name == ".." {
			return nil, fmt.Errorf(`target %q holds ".."`, c.Target)
		}
	}
	dir := c.Dir
	if dir == "." {
		dir = ""
	}
	sc := &scanner{ctx: ctx, epoch: s.epoch, mode: mode, slots: s.slots}
	mk := func(name string) *tree.Node { return s.implied(name, c.Pos.String()) }
	if strings.Contains(c.Source, "*") {
		return s.globbed(sc, c, dir, mk)
	}
	source := join(dir, c.Source)
	if source != "/" {
		source = strings.TrimRight(source, "/")
	}
	fi, err := os.Stat(source)
	folderSource := err == nil && fi.IsDir()
	if !folderSource {
		if _, err := os.Lstat(source); err != nil {
			return nil, fmt.Errorf("source %s: %w", c.Source, patherr.Bare(err))
		}
		if strings.HasSuffix(c.Source, "/") {
			return nil, fmt.Errorf("source %s: not a directory", c.Source)
		}
	}
	names := split(c.Target)
	if !folderSource && (strings.HasSuffix(c.Target, "/") || len(names) == 0) {
		// rsync puts a file into a target that ends in a slash.
		names = append(names, path.Base(source))
	}
	if len(names) == 0 {
		from, err := sc.scan(source, "", true)
		if err != nil {
			return nil, err
		}
		s.warn(c, "/", from)
		if more {
			defer s.remember(s.root)
		}
		if bad := graft(s.root, from, "/"); bad != nil {
			return nil, fmt.Errorf("duplicate entry %s -> %s", bad.path, join(c.Source, strings.TrimPrefix(bad.path, "/")))
		}
		return s.root, nil
	}
	last := names[len(names)-1]
	parent, err := folder(s.root, names[:len(names)-1], mk)
	if err != nil {
		return nil, fmt.Errorf("target %s %w", c.Target, err)
	}
	there := parent.Child(last)
	if there != nil && !(folderSource && s.joined[there]) {
		return nil, fmt.Errorf("duplicate entry %s -> %s", c.Target, c.Source)
	}
	from, err := sc.scan(source, last, folderSource)
	if err != nil {
		return nil, err
	}
	at := "/" + strings.Join(names, "/")
	s.warn(c, at, from)
	if there == nil {
		parent.Add(from)
		return from, nil
	}
	if bad := graft(there, from, at); bad != nil {
		return nil, fmt.Errorf("duplicate entry %s -> %s", bad.path, c.Source)
	}
	return there, nil
}

// globbed places every match of a source with a * in it in the target.
func (s *stager) globbed(sc *scanner, c spec.Content, dir string, mk func(string) *tree.Node) (*tree.Node, error) {
	found, err := glob(dir, c.Source)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("source %s matches nothing", c.Source)
	}
	onto, err := folder(s.root, split(c.Target), mk)
	if err != nil {
		return nil, fmt.Errorf("target %s %w", c.Target, err)
	}
	// All matches are read as one source: hard links between them stay.
	all := map[*tree.Inode]object{}
	for _, m := range found {
		into := strings.HasSuffix(m, "/") // as for rsync: what is in it, not it
		name := path.Base(m)
		from, links, err := sc.scanPart(strings.TrimSuffix(join(dir, m), "/"), name, into)
		if err != nil {
			return nil, err
		}
		for i, o := range links {
			all[i] = o
		}
		at := path.Join("/", c.Target)
		if !into {
			at = path.Join(at, name)
		}
		s.warn(c, at, from)
		there := onto
		if !into {
			there = onto.Child(name)
		}
		if there == nil {
			onto.Add(from)
			continue
		}
		if bad := graft(there, from, at); bad != nil {
			return nil, fmt.Errorf("duplicate entry %s -> %s", bad.path, m)
		}
	}
	sc.links = all
	sc.join(onto)
	return onto, nil
}

// remember notes the directories into which later entries may graft.
func (s *stager) remember(n *tree.Node) {
	s.joined[n] = true
	for _, c := range n.Children {
		if c.IsDir() {
			s.remember(c)
		}
	}
}

var errEnough = errors.New("enough")

// warn tells of a mode that takes the right to enter directories from all.
func (s *stager) warn(c spec.Content, at string, from *tree.Node) {
	if c.Mode == "" {
		return
	}
	_ = from.Walk(func(p string, n *tree.Node) error {
		if !n.IsDir() || n.Mode&0o111 != 0 {
			return nil
		}
		s.warnings = append(s.warnings, fmt.Sprintf(
			"%s: mode %s leaves the directory %s without the right to enter it; D755,F%s keeps directories open",
			c.Pos, c.Mode, path.Join("/", at, p), strings.TrimLeft(c.Mode, "DF")))
		return errEnough
	})
}
