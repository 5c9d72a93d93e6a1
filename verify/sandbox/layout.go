package sandbox

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"sort"
	"strings"

	"github.com/reprodisk/reprodisk/internal/patherr"
)

// A layout is the plan of a root: which folders are private, and what of the
// machine is bound where. It is made before anything is mounted, so that every
// place for a later mount exists when the whole becomes read-only.

// nodeKind is what a place of the root is.
type nodeKind int

const (
	privateDir  nodeKind = iota // a folder of the sandbox's own
	bound                       // what the machine has, with all below it
	link                        // a symbolic link
	privateFile                 // an empty file, to be mounted on
)

// node is a place of the root.
type node struct {
	kind   nodeKind
	source string // of a bound node, on the machine
	target string // of a link
	perm   fs.FileMode
	kids   map[string]*node
}

// machine is what a layout asks about the machine; paths are as the machine has
// them.
type machine interface {
	Lstat(path string) (fs.FileInfo, error)
	Readlink(path string) (string, error)
	ReadDir(path string) ([]fs.DirEntry, error)
}

// underRoot is a machine whose root is found at a path.
type underRoot string

func (u underRoot) Lstat(p string) (fs.FileInfo, error)     { return os.Lstat(string(u) + p) }
func (u underRoot) Readlink(p string) (string, error)       { return os.Readlink(string(u) + p) }
func (u underRoot) ReadDir(p string) ([]fs.DirEntry, error) { return os.ReadDir(string(u) + p) }

type layout struct {
	m    machine
	root *node
	used int // entries bound one by one
}

const (
	maxLinks   = 40   // of one path, as the kernel has it
	maxEntries = 4096 // bound one by one; each is a mount, and the kernel allows 100,000
)

func newLayout(m machine) *layout {
	return &layout{m: m, root: &node{kind: privateDir, perm: 0o755, kids: map[string]*node{}}}
}

// everything puts the whole machine into the root, but for what every sandbox
// has of its own.
func (l *layout) everything() error {
	own := map[string]bool{"proc": true, "sys": true, "dev": true, "tmp": true, "run": true}
	entries, err := l.m.ReadDir("/")
	if err != nil {
		return patherr.At("/", err)
	}
	for _, e := range entries {
		if !own[e.Name()] {
			l.adopt(l.root, "/", e)
		}
	}
	return nil
}

// adopt puts an entry of a folder of the machine into a private folder.
func (l *layout) adopt(n *node, dir string, e fs.DirEntry) {
	name := e.Name()
	if n.kids[name] != nil {
		return
	}
	p := path.Join(dir, name)
	switch {
	case e.Type()&fs.ModeSymlink != 0:
		if t, err := l.m.Readlink(p); err == nil {
			n.kids[name] = &node{kind: link, target: t}
		}
	case e.IsDir(), e.Type().IsRegular():
		n.kids[name] = &node{kind: bound, source: p}
		l.used++
	}
}

// private makes a folder at a path, or finds the one that is there, and returns
// its path without symbolic links. A folder of the machine stays as it is.
func (l *layout) private(p string) (string, error) {
	_, at, err := l.walk(p, privateDir)
	return at, err
}

// file is private for a file.
func (l *layout) file(p string) (string, error) {
	_, at, err := l.walk(p, privateFile)
	return at, err
}

// bind puts what the machine has at a path at the same path, in place of
// anything else that is there. Links on the way are made as the machine has
// them.
func (l *layout) bind(p string) error {
	p = path.Clean(p)
	for hop := 0; ; hop++ {
		if hop > maxLinks {
			return fmt.Errorf("%s: too many symbolic links", p)
		}
		real, target, err := l.firstLink(p)
		if err != nil {
			return err
		}
		if target == "" {
			break
		}
		if n, _ := l.at(real); n == nil {
			parent, _, err := l.walk(path.Dir(real), privateDir)
			if err != nil {
				return err
			}
			if parent.kind == privateDir {
				parent.kids[path.Base(real)] = &node{kind: link, target: target}
			}
		}
		rest := strings.TrimPrefix(p, real)
		if !path.IsAbs(target) {
			target = path.Join(path.Dir(real), target)
		}
		p = path.Join(target, rest)
	}
	if p == "/" {
		return l.everything()
	}
	if n, same := l.at(p); n != nil && same {
		return nil // it is visible there already
	}
	parent, _, err := l.walk(path.Dir(p), privateDir)
	if err != nil {
		return err
	}
	if parent.kind == bound {
		return nil
	}
	parent.kids[path.Base(p)] = &node{kind: bound, source: p}
	return nil
}

// firstLink finds the first symbolic link on the machine's way to a path.
func (l *layout) firstLink(p string) (at, target string, err error) {
	parts := strings.Split(strings.TrimPrefix(p, "/"), "/")
	at = "/"
	for _, name := range parts {
		if name == "" {
			continue
		}
		at = path.Join(at, name)
		fi, err := l.m.Lstat(at)
		if err != nil {
			return "", "", patherr.At(at, err)
		}
		if fi.Mode()&fs.ModeSymlink != 0 {
			target, err := l.m.Readlink(at)
			if err != nil {
				return "", "", patherr.At(at, err)
			}
			return at, target, nil
		}
	}
	return p, "", nil
}

// at finds the node that a path without links ends in; nil where there is
// nothing. same tells whether the machine has at that path what is seen there.
func (l *layout) at(p string) (n *node, same bool) {
	n = l.root
	rest := strings.Trim(p, "/")
	for rest != "" {
		switch n.kind {
		case bound:
			source := path.Join(n.source, rest)
			if _, err := l.m.Lstat(source); err != nil {
				return nil, false
			}
			return n, source == p
		case privateDir:
		default:
			return nil, false
		}
		name, more, _ := strings.Cut(rest, "/")
		if n = n.kids[name]; n == nil {
			return nil, false
		}
		rest = more
	}
	return n, n.kind == bound && n.source == p
}

// walk goes down a path of the root to be, following links, and makes what is
// missing. It returns the last node (or the bound one that holds it), and the
// path without links.
func (l *layout) walk(p string, last nodeKind) (*node, string, error) {
	for range maxLinks {
		n, at, again, err := l.step(path.Clean("/"+p), last)
		if err != nil {
			return nil, "", fmt.Errorf("%s: %w", p, err)
		}
		if !again {
			return n, at, nil
		}
		p = at
	}
	return nil, "", fmt.Errorf("%s: too many symbolic links", p)
}

// step is one go of walk: again is set where a link was met, and at is then the
// path that it leads to.
func (l *layout) step(p string, last nodeKind) (n *node, at string, again bool, err error) {
	parts := strings.Split(strings.TrimPrefix(p, "/"), "/")
	if p == "/" {
		return l.root, p, false, nil
	}
	n = l.root
	for i, name := range parts {
		if n.kind == bound {
			missing, target, err := l.below(n.source, parts[i:], last)
			switch {
			case err != nil:
				return nil, "", false, err
			case target != "":
				at := target
				if !path.IsAbs(target) {
					at = path.Join("/", path.Join(parts[:i+missing]...), target)
				}
				return nil, path.Join(at, path.Join(parts[i+missing+1:]...)), true, nil
			case missing < 0:
				return n, p, false, nil
			}
			if err := l.explode(n); err != nil {
				return nil, "", false, err
			}
		}
		k := n.kids[name]
		if k == nil {
			k = &node{kind: privateDir, perm: 0o755, kids: map[string]*node{}}
			if i == len(parts)-1 && last == privateFile {
				k = &node{kind: privateFile, perm: 0o644}
			}
			n.kids[name] = k
		}
		if k.kind == link {
			at := k.target
			if !path.IsAbs(at) {
				at = path.Join("/", path.Join(parts[:i]...), at)
			}
			return nil, path.Join(at, path.Join(parts[i+1:]...)), true, nil
		}
		if k.kind == privateFile && (i < len(parts)-1 || last != privateFile) {
			return nil, "", false, fmt.Errorf("is a file")
		}
		n = k
	}
	if n.kind == bound {
		fi, err := l.m.Lstat(n.source)
		if err != nil {
			return nil, "", false, patherr.At(n.source, err)
		}
		if fi.IsDir() != (last == privateDir) {
			return nil, "", false, fmt.Errorf("is %s on this machine", kindOf(fi.Mode()))
		}
	}
	return n, p, false, nil
}

// below looks whether a path below a bound folder exists. missing is the first
// part that does not, -1 where all do; where a part is a link, target is what
// it says and missing its number.
func (l *layout) below(source string, parts []string, last nodeKind) (missing int, target string, err error) {
	for i, name := range parts {
		source = path.Join(source, name)
		fi, err := l.m.Lstat(source)
		if os.IsNotExist(err) {
			return i, "", nil
		}
		if err != nil {
			return 0, "", patherr.At(source, err)
		}
		if fi.Mode()&fs.ModeSymlink != 0 {
			t, err := l.m.Readlink(source)
			if err != nil {
				return 0, "", patherr.At(source, err)
			}
			return i, t, nil
		}
		if fi.IsDir() != (i < len(parts)-1 || last == privateDir) {
			return 0, "", fmt.Errorf("%s is %s on this machine", source, kindOf(fi.Mode()))
		}
	}
	return -1, "", nil
}

// explode makes a bound folder a private one with the same entries, for a place
// in it that the machine does not have.
func (l *layout) explode(n *node) error {
	fi, err := l.m.Lstat(n.source)
	if err != nil {
		return patherr.At(n.source, err)
	}
	entries, err := l.m.ReadDir(n.source)
	if err != nil {
		return patherr.At(n.source, err)
	}
	if l.used += len(entries); l.used > maxEntries {
		return fmt.Errorf("the machine has no such folder, and %s has too many entries (%d) to make one in it; choose another path", n.source, len(entries))
	}
	n.kind, n.perm, n.kids = privateDir, fi.Mode().Perm()|0o555, map[string]*node{}
	for _, e := range entries {
		l.adopt(n, n.source, e)
	}
	return nil
}

// names are the names in a private folder, sorted.
func (n *node) names() []string {
	s := make([]string, 0, len(n.kids))
	for name := range n.kids {
		s = append(s, name)
	}
	sort.Strings(s)
	return s
}

// kindOf names what kind of file a mode tells of.
func kindOf(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "a folder"
	case m.IsRegular():
		return "a file"
	case m&fs.ModeSymlink != 0:
		return "a symbolic link"
	case m&fs.ModeNamedPipe != 0:
		return "a fifo"
	case m&fs.ModeSocket != 0:
		return "a socket"
	case m&fs.ModeDevice != 0:
		return "a device"
	}
	return "no file"
}
