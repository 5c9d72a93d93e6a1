package split

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
)

// filled is a disk with data, zeros and holes in its partitions and gaps.
func filled(t *testing.T, script string) string {
	path := scripted(t, "nixos.img", 64*mib, script)
	data := make([]byte, 100_000)
	r := rand.NewChaCha8([32]byte{1})
	for off := int64(3 * mib / 2); off < 62*mib; off += 7*mib + 4321 {
		r.Read(data)
		clear(data[20_000:60_000])
		patch(t, path, off, data...)
	}
	patch(t, path, 20*mib, make([]byte, 2*mib)...)
	return path
}

func open1(t *testing.T, path string) (*Image, *Table) {
	t.Helper()
	img, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { img.Close() })
	tab, err := img.Table()
	if err != nil {
		t.Fatal(err)
	}
	return img, tab
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func TestExtractWritesWhatDdWrites(t *testing.T) {
	for label, script := range map[string]string{"gpt": gptScript, "dos": dosScript} {
		path := filled(t, script)
		img, tab := open1(t, path)
		dir := filepath.Join(t.TempDir(), "a", "b")
		var done, total int64
		files, err := Extract(t.Context(), img, tab, dir, Options{Gaps: true, Progress: func(d, n int64) {
			if d < done || d > n {
				t.Errorf("progress goes from %d to %d of %d", done, d, n)
			}
			done, total = d, n
		}})
		if err != nil {
			t.Fatal(err)
		}
		if done != total || total == 0 {
			t.Errorf("%s: progress ends at %d of %d", label, done, total)
		}
		if len(files) != len(tab.Partitions)+len(tab.Gaps) || len(names(t, dir)) != len(files) {
			t.Errorf("%s: %d files, %v", label, len(files), names(t, dir))
		}
		dd := filepath.Join(t.TempDir(), "dd.raw")
		for _, p := range tab.Partitions {
			if out, err := exec.Command("dd", "if="+path, "of="+dd, "bs=512", fmt.Sprintf("skip=%d", p.Start), fmt.Sprintf("count=%d", p.Sectors)).CombinedOutput(); err != nil {
				t.Fatalf("%s", out)
			}
			judge.Must(t, "cmp", dd, filepath.Join(dir, fmt.Sprintf("nixos-p%d.raw", p.Number)))
		}
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f.Path)
			if err != nil || !bytes.Equal(b, whole[f.Offset:f.Offset+f.Length]) {
				t.Errorf("%s: %s differs (%v)", label, f.Path, err)
			}
			fi, err := os.Stat(f.Path)
			if err != nil {
				t.Fatal(err)
			}
			// No more blocks than hold something, and two for the filesystem's own list of them.
			need := int64(16)
			for at := 0; at < len(b); at += 4096 {
				if !zero(b[at:min(at+4096, len(b))]) {
					need += 8
				}
			}
			if got := fi.Sys().(*syscall.Stat_t).Blocks; got > need {
				t.Errorf("%s: %s occupies %d sectors, needs %d", label, f.Path, got, need)
			}
			if fi.Mode().Perm()&0o600 != 0o600 {
				t.Errorf("%s: mode %v", f.Path, fi.Mode())
			}
		}
	}
}

func TestExtractRefusesATruncatedImage(t *testing.T) {
	path := filled(t, gptScript)
	if err := os.Truncate(path, 70000*512+1); err != nil {
		t.Fatal(err)
	}
	img, tab := open1(t, path)
	dir := t.TempDir()
	_, err := Extract(t.Context(), img, tab, dir, Options{})
	if want := fmt.Sprintf("partition 3 is incomplete: the image ends %d bytes too early", (65536+8192)*512-(70000*512+1)); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
	if n := names(t, dir); len(n) != 0 {
		t.Errorf("left behind: %v", n)
	}
}

func TestExtractRefusesABareFilesystem(t *testing.T) {
	img, tab := open1(t, sparse(t, "disk.img", mib))
	dir := filepath.Join(t.TempDir(), "new")
	if _, err := Extract(t.Context(), img, tab, dir, Options{}); err == nil || !strings.Contains(err.Error(), "has no partitions") {
		t.Error(err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("the folder was made")
	}
}

func TestExtractLeavesNothingHalf(t *testing.T) {
	path := filled(t, dosScript)
	img, tab := open1(t, path)

	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Extract(ctx, img, tab, dir, Options{Progress: func(done, total int64) {
		if done > 30*mib {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if n := names(t, dir); len(n) != 1 || n[0] != "nixos-p1.raw" {
		t.Errorf("left behind: %v", n)
	}

	dir = t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "nixos-p1.raw", "x"), 0o700); err != nil { // nothing can be renamed over it
		t.Fatal(err)
	}
	_, err = Extract(t.Context(), img, tab, dir, Options{})
	if err == nil || !strings.Contains(err.Error(), "nixos-p1.raw: ") || strings.Contains(err.Error(), ".tmp") {
		t.Errorf("error %v", err)
	}
	if n := names(t, dir); len(n) != 1 {
		t.Errorf("left behind: %v", n)
	}

	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Extract(t.Context(), img, tab, file, Options{}); err == nil || !strings.HasPrefix(err.Error(), file+": ") {
		t.Errorf("error %v", err)
	}
}

func TestBaseName(t *testing.T) {
	for path, want := range map[string]string{"a/nixos.img": "nixos", "disk": "disk", "/dev/sda": "sda", ".img": ".img", "a.b.raw": "a.b"} {
		if got := BaseName(path); got != want {
			t.Errorf("BaseName(%s) = %s, want %s", path, got, want)
		}
	}
}

func TestExtractOnAFullDisk(t *testing.T) {
	judge.Root(t)
	img, tab := open1(t, filled(t, gptScript))
	dir := t.TempDir()
	judge.Must(t, "mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", dir)
	defer judge.Must(t, "umount", dir)
	_, err := Extract(t.Context(), img, tab, dir, Options{})
	if err == nil || !strings.Contains(err.Error(), "nixos-p1.raw: no space left on device") {
		t.Errorf("error %v", err)
	}
	if n := names(t, dir); len(n) != 0 {
		t.Errorf("left behind: %v", n)
	}
}

func BenchmarkExtract(b *testing.B) {
	path := scripted(b, "nixos.img", 256*mib, "label: gpt\nstart=2048\n")
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	data := make([]byte, 64*mib)
	rand.NewChaCha8([32]byte{1}).Read(data)
	if _, err := f.WriteAt(data, 2*mib); err != nil {
		b.Fatal(err)
	}
	img, err := Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer img.Close()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		tab, err := img.Table()
		if err != nil {
			b.Fatal(err)
		}
		if _, err := Extract(b.Context(), img, tab, b.TempDir(), Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTable(b *testing.B) {
	path := scripted(b, "nixos.img", 256*mib, "label: gpt\nstart=2048\n")
	for b.Loop() {
		img, err := Open(path)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := img.Table(); err != nil {
			b.Fatal(err)
		}
		img.Close()
	}
}
