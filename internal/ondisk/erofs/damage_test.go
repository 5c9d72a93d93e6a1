package erofs_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge/sametree"
	"github.com/reprodisk/reprodisk/internal/mkfs/mkerofs"
	"github.com/reprodisk/reprodisk/internal/ondisk/erofs"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// written is a small filesystem of internal/mkfs/mkerofs.
func written(t testing.TB) []byte {
	t.Helper()
	opt := mkerofs.Options{Epoch: sametree.Epoch}
	root := seedTree()
	size, err := mkerofs.Size(root, opt)
	must(t, err)
	f, err := os.Create(filepath.Join(t.TempDir(), "image"))
	must(t, err)
	defer f.Close()
	must(t, f.Truncate(size))
	must(t, mkerofs.Write(context.Background(), f, root, opt))
	b, err := os.ReadFile(f.Name())
	must(t, err)
	return b
}

func TestRefuses(t *testing.T) {
	good := written(t)
	for want, change := range map[string]func(b []byte){
		"erofs: byte 1024: magic is 0xe0f5e100, not 0xe0f5e1e2":                         func(b []byte) { b[1024] = 0 },
		"erofs: byte 1036: blocks of 2^8 bytes":                                         func(b []byte) { b[1036] = 8 },
		"erofs: byte 1104: features 0x80 of feature_incompat are not read":              func(b []byte) { b[1104] = 0x80 },
		"erofs: byte 1114: directory blocks of several blocks are not read":             func(b []byte) { b[1114] = 1 },
		"erofs: byte 0: inode 65535 is outside of the filesystem":                       func(b []byte) { b[1038], b[1039] = 0xff, 0xff },
		"erofs: byte 1152: i_format 0xffff of inode 36 is not read":                     func(b []byte) { b[1152], b[1153] = 0xff, 0xff },
		"erofs: byte 1152: the data of inode 36 is laid out in way 5":                   func(b []byte) { b[1152] = 5 << 1 },
		"erofs: byte 1152: i_mode 00 of inode 36 has no type":                           func(b []byte) { b[1156], b[1157] = 0, 0 },
		"erofs: byte 1038: root_nid is no directory":                                    func(b []byte) { b[1157] = 0x81 },
		"erofs: byte 1152: the attributes of inode 36 end outside of the filesystem":    func(b []byte) { b[1154], b[1155] = 0xff, 0xff },
		"erofs: byte 1152: the names of the directory's block at byte 0 begin at 0 of ": func(b []byte) { clear(b[1184:1200]) },
	} {
		b := bytes.Clone(good)
		change(b)
		if err := readAll(b); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if err := readAll(good); err != nil {
		t.Error(err)
	}
	for _, n := range []int{0, 1024, 1151, 1183, 4096, len(good) / 2} {
		if readAll(good[:n]) == nil {
			t.Errorf("%d bytes of it are read whole", n)
		}
	}
}

// mostFiles and mostBytes end a walk through a damaged filesystem, of which a
// reader that stops nowhere would make too much.
const (
	mostFiles = 300
	mostBytes = 4 << 20
)

// readAll reads everything in a filesystem, up to a bound that no sound one of
// the tests reaches.
func readAll(b []byte) error {
	fs, err := erofs.Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return err
	}
	fs.Configs()
	fs.Devices()
	fs.Prefixes()
	root, err := fs.Root()
	if err != nil {
		return err
	}
	files, left := 0, int64(mostBytes)
	todo := []*erofs.Inode{root}
	for len(todo) > 0 && files < mostFiles && left > 0 {
		in := todo[0]
		todo = todo[1:]
		files++
		if _, err := fs.Xattrs(in); err != nil {
			return err
		}
		if _, err := fs.Metadata(in); err != nil {
			return err
		}
		switch in.Mode & tree.TypeMask {
		case tree.Directory:
			list, err := fs.ReadDir(in)
			if err != nil {
				return err
			}
			for _, e := range list {
				if e.Name == "." || e.Name == ".." {
					continue
				}
				child, err := fs.Inode(e)
				if err != nil {
					return err
				}
				todo = append(todo, child)
			}
		case tree.Symlink:
			if _, err := fs.Readlink(in); err != nil {
				return err
			}
		case tree.Regular:
			f, err := fs.OpenFile(in)
			if err != nil {
				return err
			}
			n, err := io.Copy(io.Discard, io.NewSectionReader(f, 0, min(f.Size(), left)))
			if err != nil {
				return err
			}
			left -= n
		}
	}
	return nil
}

// tolerates reads what may be damaged: it is read, or an error says where it is
// wrong.
func tolerates(t *testing.T, b []byte) {
	t.Helper()
	err := readAll(b)
	var bad *erofs.Error
	if err != nil && !errors.As(err, &bad) && !(errors.Is(err, io.ErrUnexpectedEOF) && len(b) < 1152) {
		t.Fatalf("%T: %v", err, err)
	}
}

// samples are the images that damage is tried on.
func samples(t testing.TB) [][]byte {
	out := [][]byte{written(t)}
	for _, name := range slices.Sorted(maps.Keys(seeds)) {
		out = append(out, seed(t, name))
	}
	return out
}

func TestDamage(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	rounds := 300
	if testing.Short() {
		rounds = 50
	}
	for _, good := range samples(t) {
		for range rounds {
			bad := bytes.Clone(good)
			for range 1 + r.IntN(5) {
				at := r.IntN(len(bad))
				if r.IntN(3) > 0 { // where the structures are
					at = min(1024+r.IntN(4096), len(bad)-1)
				}
				switch r.IntN(3) {
				case 0:
					bad[at] ^= 1 << r.IntN(8)
				case 1:
					bad[at] = byte(r.Uint32())
				default:
					for i := at; i < min(at+4, len(bad)); i++ {
						bad[i] = 0xff
					}
				}
			}
			tolerates(t, bad)
		}
	}
}

// FuzzFilesystem changes single bytes of the samples: three bytes of the patch
// make a change, which are where, and the value.
func FuzzFilesystem(f *testing.F) {
	good := samples(f)
	f.Add(uint8(0), []byte{0, 4, 0})
	f.Add(uint8(1), []byte{80, 4, 0xff, 14, 4, 1})
	f.Add(uint8(2), []byte{0x80, 4, 3, 0x82, 4, 9, 0, 0x10, 0})
	f.Fuzz(func(t *testing.T, which uint8, patch []byte) {
		b := bytes.Clone(good[int(which)%len(good)])
		for ; len(patch) >= 3; patch = patch[3:] {
			b[(int(patch[0])|int(patch[1])<<8)%len(b)] = patch[2]
		}
		tolerates(t, b)
	})
}
