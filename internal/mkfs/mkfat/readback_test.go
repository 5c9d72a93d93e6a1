package mkfat

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reprodisk/reprodisk/internal/ondisk/fat"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// listing is a tree as lines, as far as FAT has a place for it.
func listing(t *testing.T, root *tree.Node) []string {
	t.Helper()
	var out []string
	err := root.Walk(func(path string, n *tree.Node) error {
		var content []byte
		if n.Content != nil {
			r, err := n.Content.Open()
			if err != nil {
				return err
			}
			defer r.Close()
			if content, err = io.ReadAll(r); err != nil {
				return err
			}
		}
		times := ""
		if path != "/" { // of which FAT keeps none
			times = fmt.Sprint(n.Mtime.Sec, n.Btime)
		}
		out = append(out, fmt.Sprintf("%q %o %s %d %d %x", path, n.Type(), times, n.DOS, n.Size, content))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestTreeComesBack: what is written is what is read, and what is read, written
// again, is the same filesystem.
func TestTreeComesBack(t *testing.T) {
	for _, variant := range []fat.Variant{fat.FAT16, fat.FAT32} {
		root := newTree(sample())
		even := tree.Time{Sec: stamp.Sec - stamp.Sec%2}
		root.Walk(func(_ string, n *tree.Node) error {
			n.Mtime, n.Atime = even, tree.Time{Sec: even.Sec - even.Sec%86400}
			return nil
		})
		root.Child("README").DOS = fat.AttrReadOnly | fat.AttrSystem
		root.Child("EFI").DOS = fat.AttrHidden
		opt := Options{Size: 64 << 20, Type: variant, VolumeID: 7, Label: "ESP", BootCode: []byte("boot code")}
		f, info := write(t, root, opt)
		fsck(t, f.Name())
		fs, err := fat.Open(f, opt.Size)
		if err != nil {
			t.Fatal(err)
		}
		v, err := fs.Scan(context.Background())
		if err != nil || len(v.Problems()) > 0 {
			t.Fatal(err, v.Problems())
		}
		got := v.Tree()
		if d := cmp.Diff(listing(t, root), listing(t, got)); d != "" {
			t.Errorf("%v: %s", variant, d)
		}
		again, _ := write(t, got, opt)
		if !bytes.Equal(whole(t, f), whole(t, again)) {
			t.Errorf("%v: what is read, written again, is another filesystem", variant)
		}
		boot := make([]byte, 512)
		if _, err := f.ReadAt(boot, 0); err != nil || !bytes.Contains(boot, opt.BootCode) {
			t.Errorf("%v: no boot code of ours: %v", variant, err)
		}
		if info.Files != len(v.Files)-info.Directories {
			t.Errorf("%v: %+v", variant, info)
		}
	}
}

func whole(t *testing.T, f io.ReaderAt) []byte {
	t.Helper()
	b, err := io.ReadAll(io.NewSectionReader(f, 0, 64<<20))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
