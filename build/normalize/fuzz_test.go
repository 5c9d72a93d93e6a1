package normalize

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/split"
)

// nowhere takes whatever is written, within a bound that no disk of the test
// needs.
type nowhere struct{ written int64 }

func (n *nowhere) WriteAt(b []byte, _ int64) (int, error) {
	n.written += int64(len(b))
	return len(b), nil
}

func (n *nowhere) Clear(int64, int64) error { return nil }

// FuzzWrite normalizes damaged images: whatever they say, it ends, and writes
// no more than a disk of their size can hold. The damage is a list of places,
// two bytes each, and values.
func FuzzWrite(f *testing.F) {
	dir := f.TempDir()
	must(f, os.WriteFile(filepath.Join(dir, "text"), []byte("UUID=00000000-0000-4000-8000-000000000001\n"), 0o666))
	must(f, os.Symlink("text", filepath.Join(dir, "link")))
	var images [][]byte
	for i, args := range [][]string{{"mkfs.ext4", "-q", "-b", "1024", "-N", "16", "-d", dir}, {"mkfs.vfat"}, {"sgdisk", "-n", "1:40:+20"}} {
		path := filepath.Join(f.TempDir(), "seed")
		must(f, os.WriteFile(path, make([]byte, 64<<10), 0o666))
		judge.Must(f, args[0], append(args[1:], path)...)
		b, err := os.ReadFile(path)
		must(f, err)
		images = append(images, b)
		f.Add(byte(i), []byte{}, true)
		f.Add(byte(i), []byte{0x04, 0x5c, 0xff, 0x02, 0x08, 0x01}, false)
	}
	path := filepath.Join(f.TempDir(), "image")
	f.Fuzz(func(t *testing.T, which byte, damage []byte, derive bool) {
		b := bytes.Clone(images[int(which)%len(images)])
		for ; len(damage) >= 3; damage = damage[3:] {
			b[int(damage[0])<<8|int(damage[1])] = damage[2]
		}
		must(t, os.WriteFile(path, b, 0o666))
		img, err := split.Open(path)
		if err != nil {
			return
		}
		defer img.Close()
		w := &nowhere{}
		account, err := Write(context.Background(), w, img, Options{Epoch: tree.Time{Sec: epoch}, DeriveIDs: derive})
		if err == nil && account.Fixed() && w.written > 2*img.Size() {
			t.Errorf("%d bytes were written for a disk of %d", w.written, img.Size())
		}
	})
}
