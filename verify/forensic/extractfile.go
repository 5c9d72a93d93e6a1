package forensic

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"

	"github.com/reprodisk/reprodisk/internal/patherr"
	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/scan"
	"github.com/reprodisk/reprodisk/verify/forensic/volume"
)

// extraction is one under way.
type extraction struct {
	ctx   context.Context
	root  *os.Root
	dir   string // for messages
	names *names
	m     *Manifest
	left  int64 // bytes that may still be written
	buf   []byte
}

func (e *extraction) pair(p *Pair) error {
	var taken [2][]scan.Span // of the disks, what is in extracted files
	for _, v := range p.Volumes {
		for i := range v.Changes {
			c := &v.Changes[i]
			for side, f := range []*File{c.A, c.B} {
				if f == nil || !c.wanted() {
					continue
				}
				done, err := e.file(p, v, side, f, c)
				if err != nil {
					return err
				}
				if done {
					taken[side] = append(taken[side], f.data(sideOf(v, side))...)
				}
			}
		}
	}
	for side := range taken {
		if err := e.ranges(p, side, taken[side]); err != nil {
			return err
		}
	}
	return nil
}

// wanted tells whether a change is about what a file holds.
func (c *Change) wanted() bool {
	return c.A == nil || c.B == nil || c.Diffs.Has(DiffContent|DiffTarget|DiffType|DiffName) || c.A.Digests == nil
}

var sides = [2]string{"a", "b"}

// file extracts one side of a change. done tells that all of it is written.
func (e *extraction) file(p *Pair, v *Volume, side int, f *File, c *Change) (done bool, err error) {
	x := Extracted{Side: sides[side], Image: p.Name, Partition: v.Number, Path: report.Printable(f.Path), Change: c.Kind()}
	if Escape(f.Path, "") != f.Path {
		x.PathHex = hex.EncodeToString([]byte(f.Path))
	}
	omit := func(why string) (bool, error) {
		e.omit(ManifestOmission{Side: x.Side, Image: x.Image, Partition: x.Partition, Path: x.Path, Size: f.Size, Why: why})
		return false, nil
	}
	var content volume.Content
	switch f.Type() {
	case tree.Regular:
		if f.Digests == nil {
			return omit(f.Error)
		}
		if content, err = sideOf(v, side).volume.Content(f.Object); err != nil {
			return omit(err.Error())
		}
		x.Type = "file"
	case tree.Symlink:
		content = text{bytes.NewReader([]byte(f.Target))}
		x.Type = "symbolic link"
	default:
		return false, nil // a directory, or something that holds nothing
	}
	switch {
	case content.Size() > maxSparse:
		return omit(tooLarge)
	case len(e.m.Files) == maxFiles:
		return omit(fmt.Sprintf("more than %d files are not extracted", maxFiles))
	}
	x.Name = e.names.of(e.folder(side, p, v.Number), f.Path)
	sum, err := e.write(x.Name, content)
	switch {
	case errors.Is(err, errLimit):
		return omit(err.Error())
	case err == nil:
	case e.ctx.Err() != nil:
		return false, e.ctx.Err()
	default:
		var unread *readError
		if errors.As(err, &unread) {
			return omit("not read: " + unread.err.Error())
		}
		return false, err
	}
	x.Size, x.SHA256 = content.Size(), sum
	e.m.Files = append(e.m.Files, x)
	return true, nil
}

func sideOf(v *Volume, side int) *Side {
	if side == 0 {
		return v.A
	}
	return v.B
}

// folder is where the files of a volume go.
func (e *extraction) folder(side int, p *Pair, number int) string {
	return path.Join(e.base(side, p), fmt.Sprintf("p%d", number))
}

// base is where what is from an image goes: a, or a/IMAGE for one of several.
func (e *extraction) base(side int, p *Pair) string {
	if p.Name == "" {
		return sides[side]
	}
	key := "\x00image\x00" + sides[side] + p.Name
	if e.names.folders[key] == "" {
		e.names.folders[key] = e.names.free(sides[side], component(p.Name))
	}
	return e.names.folders[key]
}

const tooLarge = "is too large to be made here"

var errLimit = errors.New("would exceed the limit of the extraction (--extract-limit)")

// readError is an error of an image, not of the folder.
type readError struct{ err error }

func (e *readError) Error() string { return e.err.Error() }

// write makes a file of a content, with holes for blocks of zeros, and gives
// its SHA-256. Where the content does not fit into the limit, or cannot be
// read, nothing stays.
func (e *extraction) write(name string, content volume.Content) (sum string, err error) {
	if err := e.root.MkdirAll(filepath.FromSlash(path.Dir(name)), 0o777); err != nil {
		return "", patherr.At(e.dir, err)
	}
	f, err := e.root.OpenFile(filepath.FromSlash(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return "", patherr.At(e.dir, err)
	}
	before := e.left
	defer func() {
		if cerr := f.Close(); err == nil && cerr != nil {
			err = patherr.At(e.dir, cerr)
		}
		if err != nil {
			e.left = before
			e.root.Remove(filepath.FromSlash(name))
		}
	}()
	size := content.Size()
	if err := f.Truncate(size); err != nil {
		return "", patherr.At(e.dir, err)
	}
	if e.buf == nil {
		e.buf = make([]byte, piece)
	}
	h := sha256.New()
	for off := int64(0); off < size; {
		if err := e.ctx.Err(); err != nil {
			return "", err
		}
		start, _ := content.NextData(off)
		b := e.buf[:min(int64(len(e.buf)), size-off)]
		if start = min(start, size); start > off { // zeros
			b = b[:min(int64(len(b)), start-off)]
			clear(b)
		} else if err := readFull(content, b, off); err != nil {
			return "", &readError{err}
		}
		h.Write(b)
		if err := e.put(f, b, off); err != nil {
			return "", err
		}
		off += int64(len(b))
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

const block = 4096 // bytes of the smallest hole

var zeros [block]byte

// put writes what is no block of zeros.
func (e *extraction) put(f *os.File, b []byte, off int64) error {
	for at := 0; at < len(b); at += block {
		part := b[at:min(at+block, len(b))]
		if bytes.Equal(part, zeros[:len(part)]) {
			continue
		}
		if e.left -= int64(len(part)); e.left < 0 {
			return errLimit
		}
		if _, err := f.WriteAt(part, off+int64(at)); err != nil {
			return patherr.At(e.dir, err)
		}
	}
	return nil
}

func (e *extraction) omit(o ManifestOmission) {
	if len(e.m.Omitted) == maxOmittedSaid {
		e.m.OmittedMore++
		return
	}
	e.m.Omitted = append(e.m.Omitted, o)
}

// text is a content in memory.
type text struct{ *bytes.Reader }

func (t text) Size() int64 { return t.Reader.Size() }

func (t text) NextData(off int64) (start, end int64) { return min(off, t.Size()), t.Size() }
