package split

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Options of Extract.
type Options struct {
	Gaps bool // write the gaps too

	// Progress is told of bytes of the partitions (and gaps) that are dealt
	// with, holes included, and of their sum; it is called from one goroutine.
	Progress func(done, total int64)
}

// File is one file that Extract wrote.
type File struct {
	Path           string
	Number         int  // of the partition or the gap
	Gap            bool // whether it is a gap
	Offset, Length int64
}

// BaseName is what the names of an image's parts begin with: its file name
// without the extension ("nixos" for "dir/nixos.img").
func BaseName(path string) string {
	name := filepath.Base(path)
	if base := strings.TrimSuffix(name, filepath.Ext(name)); base != "" {
		return base
	}
	return name
}

// Extract writes each partition of the table to DIR/BASE-pN.raw, N being its
// number, with the same bytes as `dd` gives for its line of `fdisk -l` (so an
// extended partition is written too), and each gap to DIR/BASE-gapN.raw where
// that is asked for. The folder is made. Holes stay holes, and blocks of zeros
// become holes.
//
// Each file appears whole or not at all: it is written under a hidden name
// beside, synced, and renamed, replacing an older one. An error, or the end of
// ctx, leaves the files that are finished and nothing of the one that is not.
// An image that is too short for one of its partitions, or that has none, is
// an error before anything is written.
func Extract(ctx context.Context, img *Image, t *Table, dir string, opts Options) ([]File, error) {
	if len(t.Partitions) == 0 {
		return nil, fmt.Errorf("%s: has no partitions, so there is nothing to split", img.Path())
	}
	files, total, err := plan(img, t, dir, opts.Gaps)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, pathError(dir, err)
	}
	var done int64
	for i, f := range files {
		progress := func(n int64) {
			done += n
			if opts.Progress != nil {
				opts.Progress(done, total)
			}
		}
		if err := writeWhole(ctx, f.Path, func(w *os.File) error { return copyRange(ctx, w, img, f.Offset, f.Length, progress) }); err != nil {
			return files[:i], err
		}
	}
	return files, syncDir(dir)
}

// plan lists the files to write and the sum of their lengths.
func plan(img *Image, t *Table, dir string, gaps bool) (files []File, total int64, err error) {
	base := filepath.Join(dir, BaseName(img.Path()))
	for _, p := range t.Partitions {
		if p.Missing > 0 {
			return nil, 0, fmt.Errorf("%s: partition %d is incomplete: the image ends %d bytes too early", img.Path(), p.Number, p.Missing)
		}
		files = append(files, File{Path: fmt.Sprintf("%s-p%d.raw", base, p.Number), Number: p.Number, Offset: p.Offset, Length: p.Length})
	}
	if gaps {
		for _, g := range t.Gaps {
			files = append(files, File{Path: fmt.Sprintf("%s-gap%d.raw", base, g.Number), Number: g.Number, Gap: true, Offset: g.Offset, Length: g.Length})
		}
	}
	for _, f := range files {
		total += f.Length
	}
	return files, total, nil
}

// writeWhole makes the file at path from what write writes, or leaves no trace.
func writeWhole(ctx context.Context, path string, write func(*os.File) error) (err error) {
	dir, name := filepath.Split(path)
	f, err := create(dir, name)
	if err != nil {
		return pathError(path, err)
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if err := write(f); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return pathError(path, err)
	}
	if err := f.Sync(); err != nil {
		return pathError(path, err)
	}
	if err := f.Close(); err != nil {
		return pathError(path, err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		var le *os.LinkError
		if errors.As(err, &le) {
			err = le.Err
		}
		return pathError(path, err)
	}
	return nil
}

// create opens a new hidden file with the permissions that the umask leaves.
func create(dir, name string) (*os.File, error) {
	for n := 0; ; n++ {
		f, err := os.OpenFile(fmt.Sprintf("%s.%s.%d-%d.tmp", dir, name, os.Getpid(), n), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
		if !errors.Is(err, os.ErrExist) {
			return f, err
		}
	}
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return pathError(dir, err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return pathError(dir, err)
	}
	return nil
}

const (
	chunk = 1 << 20 // bytes read at once
	block = 4096    // bytes of the smallest hole that is made
)

var zeros [block]byte

// copyRange writes length bytes of the image from offset to the front of w.
func copyRange(ctx context.Context, w *os.File, img *Image, offset, length int64, progress func(int64)) error {
	// The length comes first: where the file may not be that large, it is known
	// before the work is done.
	if err := w.Truncate(length); err != nil {
		return err
	}
	buf := make([]byte, chunk)
	for at := int64(0); at < length; {
		start, end, err := img.NextData(offset + at)
		if err != nil {
			return err
		}
		start, end = min(start-offset, length), min(end-offset, length)
		if start < end {
			start = max(at, start/block*block) // so that blocks are the file's own
		}
		if start > at {
			progress(start - at)
		}
		if start == end {
			return ctx.Err()
		}
		for at = start; at < end; {
			if err := ctx.Err(); err != nil {
				return err
			}
			b := buf[:min(chunk, end-at)]
			if n, err := img.ReadAt(b, offset+at); n < len(b) {
				if err == nil || errors.Is(err, io.EOF) {
					err = io.ErrUnexpectedEOF
				}
				return fmt.Errorf("read %s at byte %d: %w", img.Path(), offset+at, err)
			}
			if err := writeSparse(w, b, at); err != nil {
				return err
			}
			at += int64(len(b))
			progress(int64(len(b)))
		}
	}
	return nil
}

// writeSparse writes b at offset off, leaving out its blocks of zeros.
func writeSparse(w *os.File, b []byte, off int64) error {
	for at := 0; at < len(b); {
		end := at
		for end < len(b) && !zero(b[end:min(end+block, len(b))]) {
			end = min(end+block, len(b))
		}
		if end > at {
			if _, err := w.WriteAt(b[at:end], off+int64(at)); err != nil {
				return err
			}
		}
		at = end + block
	}
	return nil
}

func zero(b []byte) bool { return bytes.Equal(b, zeros[:len(b)]) }
