package mkxfs

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/reprodisk/reprodisk/internal/mkfs/pour"
	"github.com/reprodisk/reprodisk/internal/ondisk/xfs"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// Check refuses what a prototype has no place for. It returns how many names
// are hard links, which become files of their own.
func Check(root *tree.Node) (links int, err error) {
	seen := map[*tree.Inode]bool{}
	return links, root.Walk(func(path string, n *tree.Node) error {
		switch {
		case len(n.Xattrs) > 0:
			return fmt.Errorf("xfs: %s has the extended attribute %s, which mkfs.xfs has no place for; remove it", path, n.Xattrs[0].Name)
		case n.Type() == tree.Socket:
			return fmt.Errorf("xfs: %s is a socket, which mkfs.xfs has no place for; leave it out", path)
		case path != "/" && !word(n.Name):
			return fmt.Errorf("xfs: %q: mkfs.xfs has no place for a name with blanks, or that is $ or begins with a colon; name it otherwise", path)
		case n.Type() == tree.Symlink && (!word(n.Target) || len(n.Target) > maxTarget):
			return fmt.Errorf("xfs: %q: mkfs.xfs has no place for a link's target with blanks, that begins with a colon, or of more than %d bytes", path, maxTarget)
		}
		if !n.IsDir() {
			if seen[n.Inode] {
				links++
			}
			seen[n.Inode] = true
		}
		return nil
	})
}

// maxTarget is in bytes: what fits into an inode of 512. Longer ones lie in a
// block, which mkfs.xfs 6.1 writes without its header.
const maxTarget = 512 - xfs.CoreSize

// word tells whether a prototype takes s for one word.
func word(s string) bool {
	return s != "" && s != "$" && s[0] != ':' && !strings.ContainsAny(s, " \t\n\x00")
}

// prototype is what mkfs.xfs -p reads, in a folder with the files' content.
type prototype struct {
	ctx      context.Context
	dir      string
	w        *bufio.Writer
	buf      pour.Buffer
	files    int
	done     int64
	total    int64
	progress func(done, total int64)
}

// write makes the prototype, of which it returns the name in the folder.
func (p *prototype) write(root *tree.Node) (name string, err error) {
	_ = root.Walk(func(_ string, n *tree.Node) error {
		if n.Type() == tree.Regular {
			p.total += n.Size
		}
		return nil
	})
	f, err := os.Create(filepath.Join(p.dir, "prototype"))
	if err != nil {
		return "", err
	}
	defer f.Close()
	p.w = bufio.NewWriter(f)
	// A name and two numbers that nothing reads any more, then the root.
	fmt.Fprintf(p.w, "-\n0 0\nd--755 0 0\n")
	if err := p.children(root); err != nil {
		return "", err
	}
	return filepath.Base(f.Name()), p.w.Flush()
}

func (p *prototype) children(n *tree.Node) error {
	for _, c := range n.Children {
		if err := p.entry(c); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(p.w, "$\n")
	return err
}

// entry is a name. Owners and permissions come later.
func (p *prototype) entry(n *tree.Node) error {
	const rest = "--600 0 0"
	switch n.Type() {
	case tree.Directory:
		fmt.Fprintf(p.w, "%s d%s\n", n.Name, rest)
		return p.children(n)
	case tree.Symlink:
		fmt.Fprintf(p.w, "%s l%s %s\n", n.Name, rest, n.Target)
	case tree.Char:
		fmt.Fprintf(p.w, "%s c%s %d %d\n", n.Name, rest, n.Major, n.Minor)
	case tree.Block:
		fmt.Fprintf(p.w, "%s b%s %d %d\n", n.Name, rest, n.Major, n.Minor)
	case tree.FIFO:
		fmt.Fprintf(p.w, "%s p%s\n", n.Name, rest)
	case tree.Regular:
		p.files++
		name := strconv.Itoa(p.files)
		if err := p.content(name, n.Inode); err != nil {
			return err
		}
		fmt.Fprintf(p.w, "%s -%s %s\n", n.Name, rest, name)
	}
	return nil
}

func (p *prototype) content(name string, i *tree.Inode) error {
	r, err := i.Content.Open()
	if err != nil {
		return err // which names the source
	}
	defer r.Close()
	f, err := os.Create(filepath.Join(p.dir, name))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Truncate(i.Size); err != nil {
		return err
	}
	var failed error // of the copy, and not of the source
	err = pour.Runs(p.ctx, r, i.Size, p.buf, func(b []byte, off int64) error {
		_, failed = f.WriteAt(b, off)
		return failed
	})
	switch {
	case failed != nil:
		return fmt.Errorf("a copy of %s (see TMPDIR): %w", i.Origin, failed)
	case err != nil && p.ctx.Err() != nil:
		return p.ctx.Err()
	case err != nil:
		return fmt.Errorf("%s: %w", i.Origin, err)
	}
	p.done += i.Size
	if p.progress != nil {
		p.progress(p.done, p.total)
	}
	return nil
}
