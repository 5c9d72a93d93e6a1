package wholefile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/internal/newdir"
	"github.com/reprodisk/reprodisk/internal/patherr"
)

// File is a file while it is written.
type File struct {
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
func (o *File) WriteAt(p []byte, off int64) (int, error) {
	n, err := o.File.WriteAt(p, off)
	switch {
	case err != nil:
		o.failure.CompareAndSwap(nil, &err)
	case n >= early && !o.scratch:
		_ = unix.SyncFileRange(int(o.Fd()), off, int64(n), unix.SYNC_FILE_RANGE_WRITE)
	}
	return n, err
}

// Cause is what made a writer fail: a write that failed, whatever became of
// its error on the way up, else err.
func (o *File) Cause(err error) error {
	if first := o.failure.Load(); first != nil {
		return *first
	}
	return err
}

// Failed tells whether a write to the file has failed.
func (o *File) Failed() bool { return o.failure.Load() != nil }

// Clear makes zeros of a range again: a hole, where the filesystem has holes.
func (o *File) Clear(off, length int64) error {
	if length == 0 {
		return nil
	}
	err := unix.Fallocate(int(o.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, off, length)
	if err == nil || !errors.Is(err, unix.EOPNOTSUPP) {
		return err
	}
	zeros := make([]byte, 1<<20)
	for end := off + length; off < end; off += int64(len(zeros)) {
		if _, err := o.WriteAt(zeros[:min(int64(len(zeros)), end-off)], off); err != nil {
			return err
		}
	}
	return nil
}

// Scratch opens a file without a name in a folder that is there, where there
// is room for a file of that size. It is gone when it is closed. Errors of its
// writes are named by Named as those of "like".
func Scratch(dir, like string) (*File, error) {
	t, err := create(dir, like)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, patherr.Bare(err))
	}
	if err := t.drop(); err != nil {
		t.Close()
		return nil, err
	}
	return &File{File: t.File, scratch: true}, nil
}

// Write makes a file in a folder, whole or not at all: it is written without a
// name, or under one of its own where the filesystem cannot do that, synced and
// renamed. Folders that are missing are made, and removed again where that
// fails. What an earlier writer left that was killed goes.
func Write(ctx context.Context, dir, name string, fill func(*File) error) (path string, err error) {
	made, err := newdir.Make(dir)
	if err != nil {
		return "", err
	}
	whole := filepath.Join(dir, name)
	defer func() {
		if err != nil {
			made.Undo()
		}
	}()
	if fi, err := os.Lstat(whole); err == nil {
		switch t := fi.Mode().Type(); {
		case t.IsDir():
			return "", fmt.Errorf("%s: is a folder", whole)
		case !t.IsRegular() && t != fs.ModeSymlink:
			return "", fmt.Errorf("%s: is a device, a fifo or a socket, and would be replaced by a file", whole)
		}
	}
	sweep(dir, name)
	f, err := create(dir, name)
	if err != nil {
		return "", fmt.Errorf("%s: %w", dir, patherr.Bare(err))
	}
	o := &File{File: f.File}
	defer func() {
		if err != nil {
			_ = f.drop()
			f.Close()
			err = Named(o.Cause(err), f.Name(), whole)
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
	if err := ctx.Err(); err != nil {
		return "", err // the sync may have taken long
	}
	if err := f.become(whole); err != nil {
		return "", fmt.Errorf("%s: %w", whole, patherr.Bare(err))
	}
	// It is there: what closing a synced file could say changes nothing.
	f.Close()
	return whole, nil
}

// Named gives an error about the temporary file, whose name means nothing to
// anybody, the name of the file that it was to become.
func Named(err error, temp, path string) error {
	var pe *os.PathError
	if errors.As(err, &pe) && pe.Path == temp {
		return fmt.Errorf("%s: %w", path, pe.Err)
	}
	return err
}
