package readonly

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestReadingLeavesNoTrace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	// An access time before the modification is one that relatime renews.
	long := time.Now().Add(-48 * time.Hour)
	if err := os.Chtimes(path, long, long.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	var before, after unix.Stat_t
	if err := unix.Stat(path, &before); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if b, err := io.ReadAll(f); err != nil || string(b) != "content" {
		t.Fatal(string(b), err)
	}
	if err := unix.Stat(path, &after); err != nil {
		t.Fatal(err)
	}
	if before.Atim != after.Atim || before.Mtim != after.Mtim || before.Ctim != after.Ctim {
		t.Errorf("times before %v %v %v, after %v %v %v", before.Atim, before.Mtim, before.Ctim, after.Atim, after.Mtim, after.Ctim)
	}
	if _, err := f.Write([]byte("x")); err == nil {
		t.Error("the file can be written to")
	}
}

// A file of somebody else is opened all the same.
func TestNotTheOwner(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	calls := 0
	f, err := OpenWith(func(name string, flag int, perm os.FileMode) (*os.File, error) {
		calls++
		if flag&unix.O_NOATIME != 0 {
			return nil, &os.PathError{Op: "open", Path: name, Err: unix.EPERM}
		}
		return os.OpenFile(name, flag, perm)
	}, path, 0)
	if err != nil || calls != 2 {
		t.Fatal(calls, err)
	}
	f.Close()
	if _, err := Open(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
