package wholefile

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
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
