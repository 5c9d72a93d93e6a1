package wholefile

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func TestAFileIsWholeOrNotThere(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "new", "folder")
	broken := errors.New("broken")
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	for _, c := range []struct {
		ctx  context.Context
		fail error
		want error
	}{{context.Background(), broken, broken}, {ended, nil, context.Canceled}} {
		_, err := Write(c.ctx, dir, "image", func(f *File) error {
			if _, err := f.WriteAt([]byte("half"), 0); err != nil {
				return err
			}
			return c.fail
		})
		if !errors.Is(err, c.want) {
			t.Errorf("the error is %v, not %v", err, c.want)
		}
		if left := names(t, top); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
	path, err := Write(context.Background(), dir, "image", func(f *File) error {
		_, err := f.WriteAt([]byte("whole"), 0)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	fi, _ := os.Stat(path)
	if err != nil || string(b) != "whole" || fi.Mode() != 0o644 {
		t.Errorf("%q, %v, mode %v", b, err, fi.Mode())
	}
	if got := names(t, dir); len(got) != 1 {
		t.Errorf("in the folder there are %v", got)
	}
}

// TestOnlyFilesGiveWay: a device of that name stays one.
func TestOnlyFilesGiveWay(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"fifo": "fifo: is a device, a fifo or a socket", ".": "is a folder"} {
		_, err := Write(context.Background(), dir, name, func(*File) error { return nil })
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: the error is %v", name, err)
		}
	}
	if fi, err := os.Lstat(fifo); err != nil || fi.Mode().Type() != os.ModeNamedPipe || len(names(t, dir)) != 1 {
		t.Errorf("the fifo is gone: %v, %v", fi, err)
	}
}

// TestAFailedWriteIsWhatIsTold: whatever a writer makes of it.
func TestAFailedWriteIsWhatIsTold(t *testing.T) {
	dir := t.TempDir()
	_, err := Write(context.Background(), dir, "image", func(f *File) error {
		f.File.Close()
		f.WriteAt([]byte("x"), 0)
		if !f.Failed() {
			t.Error("the write has not failed")
		}
		return errors.New("something went wrong")
	})
	if err == nil || !strings.HasPrefix(err.Error(), filepath.Join(dir, "image")+": ") || !errors.Is(err, os.ErrClosed) {
		t.Errorf("the error is %v", err)
	}
}

func TestClearMakesZeros(t *testing.T) {
	f, err := Scratch(t.TempDir(), "image")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := os.Stat(f.Name()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it has a name: %v", err)
	}
	if _, err := f.WriteAt(bytes.Repeat([]byte{1}, 10_000), 0); err != nil {
		t.Fatal(err)
	}
	if err := f.Clear(100, 9000); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 10_000)
	if _, err := f.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	want := append(append(bytes.Repeat([]byte{1}, 100), make([]byte, 9000)...), bytes.Repeat([]byte{1}, 900)...)
	if !bytes.Equal(b, want) {
		t.Error("other bytes were cleared")
	}
}

// TestWhatKilledWritersLeft goes, and nothing else: not what another writer is
// at, what is fresh, or what only looks like it.
func TestWhatKilledWritersLeft(t *testing.T) {
	dir := t.TempDir()
	old := time.Now().Add(-2 * abandoned)
	for _, name := range []string{".image.tmp-1", ".image.tmp-fresh", ".image.tmp-locked", ".other.tmp-1", "image.tmp-1", ".image2.tmp-1"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("left"), 0o600); err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(name, "fresh") {
			if err := os.Chtimes(path, old, old); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.Symlink("image.tmp-1", filepath.Join(dir, ".image.tmp-link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, ".image.tmp-folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(dir, ".image.tmp-locked"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if _, err := Write(t.Context(), dir, "image", func(*File) error { return nil }); err != nil {
		t.Fatal(err)
	}
	want := ".image.tmp-folder .image.tmp-fresh .image.tmp-link .image.tmp-locked .image2.tmp-1 .other.tmp-1 image image.tmp-1"
	if got := strings.Join(names(t, dir), " "); got != want {
		t.Errorf("there are %s, want %s", got, want)
	}
}

// TestNothingIsSeenMeanwhile, so that nothing stays where a writer is killed;
// where the filesystem has no files without names, it is one with a name.
func TestNothingIsSeenMeanwhile(t *testing.T) {
	dir := t.TempDir()
	f, err := create(dir, "image")
	if err != nil {
		t.Fatal(err)
	}
	if f.named {
		t.Skip("the filesystem here has no files without names")
	}
	f.Close()
	for range 2 { // onto nothing, and onto one that is there
		_, err = Write(t.Context(), dir, "image", func(f *File) error {
			for _, n := range names(t, dir) {
				if n != "image" {
					t.Errorf("%s is there meanwhile", n)
				}
			}
			_, err := f.WriteAt([]byte("whole"), 0)
			return err
		})
		if b, readErr := os.ReadFile(filepath.Join(dir, "image")); err != nil || readErr != nil || string(b) != "whole" {
			t.Errorf("%q, %v, %v", b, err, readErr)
		}
	}
}

// TestWithANameOfItsOwn is how it is done where there must be one.
func TestWithANameOfItsOwn(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, ".x.tmp-1")
	open := func() *temporary {
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		return &temporary{File: f, named: true}
	}
	f := open()
	defer f.Close()
	if err := f.drop(); err != nil || len(names(t, dir)) > 0 {
		t.Errorf("%v, %v", err, names(t, dir))
	}
	f = open()
	defer f.Close()
	if err := f.become(filepath.Join(dir, "x")); err != nil || strings.Join(names(t, dir), " ") != "x" {
		t.Errorf("%v, %v", err, names(t, dir))
	}
	if err := f.drop(); err != nil || strings.Join(names(t, dir), " ") != "x" {
		t.Errorf("%v, %v", err, names(t, dir))
	}
}
