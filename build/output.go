package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// output is the image while it is written.
type output struct {
	*os.File
	failure atomic.Pointer[error] // the first of a write
	scratch bool                  // it is gone soon: nothing is sent to the disk
}

// early is from how many bytes on a piece is sent to the disk as soon as it is
// written.
const early = 64 << 10

// WriteAt also starts the way of large pieces to the disk, so that the sync at
// the end, which waits for all of them, finds most of them there. Where that
// cannot be done, nothing is lost but time.
func (o *output) WriteAt(p []byte, off int64) (int, error) {
	n, err := o.File.WriteAt(p, off)
	switch {
	case err != nil:
		o.failure.CompareAndSwap(nil, &err)
	case n >= early && !o.scratch:
		_ = unix.SyncFileRange(int(o.Fd()), off, int64(n), unix.SYNC_FILE_RANGE_WRITE)
	}
	return n, err
}

// cause is what made a build fail: a write that failed, whatever became of
// its error on the way up, else err.
func (o *output) cause(err error) error {
	if first := o.failure.Load(); first != nil {
		return *first
	}
	return err
}

// writeFile makes a file in a folder, whole or not at all: it is written under
// a name of its own, synced and renamed. Folders that are missing are made,
// and removed again where that fails.
func writeFile(ctx context.Context, dir, name string, fill func(*output) error) (path string, err error) {
	made, err := makeDir(dir)
	if err != nil {
		return "", err
	}
	whole := filepath.Join(dir, name)
	defer func() {
		if err != nil {
			removeDir(made)
		}
	}()
	if fi, err := os.Lstat(whole); err == nil && fi.IsDir() {
		return "", fmt.Errorf("%s: is a folder", whole)
	}
	f, err := os.CreateTemp(dir, "."+name+".tmp-*")
	if err != nil {
		return "", fmt.Errorf("%s: %w", dir, unwrapPath(err))
	}
	o := &output{File: f}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
			err = named(o.cause(err), f.Name(), whole)
		}
	}()
	if err := fill(o); err != nil {
		return "", err
	}
	// Readable for all, whatever the umask: an image holds no secrets that its
	// sources do not tell.
	if err := f.Chmod(0o644); err != nil {
		return "", err
	}
	if err := f.Sync(); err != nil {
		return "", err
	}
	if err := f.Close(); err != nil {
		return "", err
	}
	if err := ctx.Err(); err != nil {
		return "", err // the sync may have taken long
	}
	if err := os.Rename(f.Name(), whole); err != nil {
		return "", fmt.Errorf("%s: %w", whole, unwrapPath(err))
	}
	return whole, nil
}

// named gives an error about the temporary file, whose name means nothing to
// anybody, the name of the file that it was to become.
func named(err error, temp, path string) error {
	var pe *os.PathError
	if errors.As(err, &pe) && pe.Path == temp {
		return fmt.Errorf("%s: %w", path, pe.Err)
	}
	return err
}

func unwrapPath(err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	var le *os.LinkError
	if errors.As(err, &le) {
		return le.Err
	}
	return err
}

// makeDir makes a folder with those above it, and returns the ones that it
// made, the topmost first.
func makeDir(dir string) (made []string, err error) {
	var missing []string
	for d := filepath.Clean(dir); ; d = filepath.Dir(d) {
		if _, err := os.Lstat(d); !errors.Is(err, os.ErrNotExist) {
			break
		}
		missing = append(missing, d)
	}
	for i := len(missing) - 1; i >= 0; i-- {
		if err := os.Mkdir(missing[i], 0o755); err != nil {
			removeDir(made)
			return nil, fmt.Errorf("%s: %w", missing[i], unwrapPath(err))
		}
		made = append(made, missing[i])
	}
	if fi, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("%s: %w", dir, unwrapPath(err))
	} else if !fi.IsDir() {
		return nil, fmt.Errorf("%s: is not a folder", dir)
	}
	return made, nil
}

// removeDir removes the folders that makeDir made, as far as they are empty.
func removeDir(made []string) {
	for i := len(made) - 1; i >= 0; i-- {
		if os.Remove(made[i]) != nil {
			return
		}
	}
}
