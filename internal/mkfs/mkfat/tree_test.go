package mkfat

import (
	"bytes"
	"context"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/internal/tree"
)

// memory is a file's content that lies in memory.
type memory []byte

type memoryReader struct{ *bytes.Reader }

func (memoryReader) Close() error { return nil }

func (m memory) Open() (tree.Reader, error) { return memoryReader{bytes.NewReader(m)}, nil }

var stamp = tree.Time{Sec: 1_700_000_001, Nsec: 250_000_000} // 2023-11-14 22:13:21.25

func inode(mode uint32) *tree.Inode {
	return &tree.Inode{Mode: mode, Mtime: stamp, Atime: stamp, Ctime: stamp, Btime: stamp}
}

// newTree makes a tree of paths; a path that ends in a slash is a directory.
// Parents are made as needed.
func newTree(files map[string]string) *tree.Node {
	root := &tree.Node{Inode: inode(tree.Directory | 0o755)}
	for path, content := range files {
		n := root
		parts := strings.Split(path, "/")
		for _, dir := range parts[:len(parts)-1] {
			c := n.Child(dir)
			if c == nil {
				c = &tree.Node{Name: dir, Inode: inode(tree.Directory | 0o755)}
				n.Add(c)
			}
			n = c
		}
		if last := parts[len(parts)-1]; last != "" {
			f := &tree.Node{Name: last, Inode: inode(tree.Regular | 0o644)}
			f.Size, f.Content = int64(len(content)), memory(content)
			n.Add(f)
		}
	}
	return root
}

// noise is n bytes that are not zero.
func noise(seed int64, n int) string {
	b := make([]byte, n)
	r := rand.New(rand.NewSource(seed))
	for i := range b {
		b[i] = byte(1 + r.Intn(255))
	}
	return string(b)
}

// sample has what a boot partition has, and what is hard to name.
func sample() map[string]string {
	return map[string]string{
		"EFI/BOOT/BOOTX64.EFI":            noise(1, 70_000),
		"EFI/nixos/kernel-6.1.efi":        noise(2, 33_333),
		"loader/loader.conf":              "timeout 3\n",
		"loader/entries/nixos-1.conf":     "title NixOS\n",
		"readme.txt":                      "lower case\n",
		"README":                          "upper case\n",
		"Mixed.Txt":                       "mixed case\n",
		"a file with blanks.text":         "blanks\n",
		".hidden":                         "dot\n",
		"two.dots.in.it":                  "dots\n",
		"plus+comma,semi;[eq=].x":         "punctuation\n",
		"grün-weiß-日本語.txt":               "beyond ASCII\n",
		"longname-1.conf":                 "1",
		"longname-2.conf":                 "2",
		"longname-3.conf":                 "3",
		"LONGNA~1.CON":                    "taken\n",
		strings.Repeat("n", 251) + ".txt": "255 characters\n",
		"empty":                           "",
		"empty directory/":                "",
		"deep/er/and/deep/er/still/file":  "deep\n",
		"exact-cluster":                   noise(3, 4096),
		"holes.bin":                       "head" + strings.Repeat("\x00", 50_000) + "tail",
	}
}

// create makes a sparse file of size bytes.
func create(t testing.TB, size int64) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "fat.img"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	return f
}

// write makes an image of the tree, or ends the test.
func write(t testing.TB, root *tree.Node, opt Options) (*os.File, Info) {
	t.Helper()
	f := create(t, opt.Size)
	info, err := Write(context.Background(), f, root, opt)
	if err != nil {
		t.Fatal(err)
	}
	return f, info
}
