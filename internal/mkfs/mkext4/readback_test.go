package mkext4

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/ondisk/ext4"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// listing is a tree as lines: everything about each name, with the content's
// bytes, and the number of the first name for each further one.
func listing(t *testing.T, root *tree.Node) []string {
	t.Helper()
	var out []string
	first := map[*tree.Inode]int{}
	err := root.Walk(func(path string, n *tree.Node) error {
		if path == "/lost+found" {
			return nil // the writer's own
		}
		if k, ok := first[n.Inode]; ok {
			out = append(out, fmt.Sprintf("%q is number %d", path, k))
			return nil
		}
		first[n.Inode] = len(first)
		i := *n.Inode
		var content []byte
		if i.Content != nil && i.Size < 8<<20 {
			r, err := i.Content.Open()
			if err != nil {
				return err
			}
			defer r.Close()
			if content, err = io.ReadAll(r); err != nil {
				return err
			}
		}
		out = append(out, fmt.Sprintf("%q %o %d:%d %v %v %v %v %d %q %d:%d %q %x %x", path, i.Mode, i.UID, i.GID, i.Atime, i.Mtime, i.Ctime, i.Btime,
			i.Size, i.Target, i.Major, i.Minor, i.Xattrs, i.Flags, content))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestTreeComesBack: what is written is what is read.
func TestTreeComesBack(t *testing.T) {
	root := variety()
	fixed := file("immutable", []byte("chattr +ia"))
	fixed.Flags = ext4.InodeImmutable | ext4.InodeNodump
	root.Add(fixed)
	root.Flags = ext4.InodeTopdir
	no := options(200 << 20)
	no.NoJournal, no.Errors = true, ext4.ErrorsRO
	for name, opt := range map[string]Options{"journal": options(200 << 20), "no journal": no} {
		path := image(t, root, opt)
		clean(t, path)
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		fs, err := ext4.Open(f, opt.Size)
		if err != nil {
			t.Fatal(err)
		}
		got, problems, err := fs.Tree(context.Background())
		if err != nil || len(problems) > 0 {
			t.Fatal(err, problems)
		}
		if d := cmp.Diff(listing(t, root), listing(t, got)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if sb := fs.Superblock(); (sb.FeatureCompat&ext4.CompatHasJournal == 0) != opt.NoJournal || opt.Errors != 0 && sb.Errors != opt.Errors {
			t.Errorf("%s: features %#x, errors %d", name, sb.FeatureCompat, sb.Errors)
		}
		attrs := judge.Run(t, "debugfs", "-R", "stat /immutable", path).Stdout
		if want := "Flags: 0x80050"; !strings.Contains(attrs, want) {
			t.Errorf("%s: debugfs does not show %q:\n%s", name, want, attrs)
		}
		again := image(t, got, opt)
		a, _ := os.ReadFile(path)
		b, _ := os.ReadFile(again)
		if string(a) != string(b) {
			t.Errorf("%s: what is read, written again, is another filesystem", name)
		}
	}
}
