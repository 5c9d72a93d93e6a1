package unpack

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"os"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/internal/ondisk/container"
)

// Format is a way to compress a file.
type Format int

// The formats that are known.
const (
	Gzip Format = iota
	Xz
	Zstd
)

// Suffix is what the names of such files end with, without the dot.
func (f Format) Suffix() string { return [...]string{"gz", "xz", "zst"}[f] }

func (f Format) String() string { return [...]string{"gzip", "xz", "zstd"}[f] }

// Magic is what such files begin with.
func (f Format) Magic() string {
	return [...]string{"\x1f\x8b\x08", "\xfd7zXZ\x00", "\x28\xb5\x2f\xfd"}[f]
}

const (
	maxMemory = 128 << 20 // bytes of a window or dictionary, as `zstd -d` grants without --long
	maxListed = 16        // members, streams or frames whose fields are listed
	chunk     = 1 << 20   // bytes that are written at once
)

// Options of Open.
type Options struct {
	// Limit is how many bytes the content may have, holes included. 0 stands
	// for what the temporary folder has room for, holes left out.
	Limit int64
	// TempDir is where the temporary file is made; empty stands for
	// os.TempDir.
	TempDir string
}

// Unpacked is the content of a compressed file, and what was told beside it.
type Unpacked struct {
	File   *os.File // it has no name any more; to be closed by the caller
	Size   int64    // of the content, in bytes
	Fields []container.Field
}

// Open unpacks the size bytes of r. The end of ctx ends it with ctx's error.
func Open(ctx context.Context, r io.ReaderAt, size int64, format Format, opt Options) (_ *Unpacked, err error) {
	dir := opt.TempDir
	if dir == "" {
		dir = os.TempDir()
	}
	f, err := os.CreateTemp(dir, "reprodisk-*")
	if err != nil {
		return nil, fmt.Errorf("unpack %s: %w", format, err)
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	if err := os.Remove(f.Name()); err != nil {
		return nil, fmt.Errorf("unpack %s: %w", format, err)
	}
	j := &job{ctx: ctx, r: r, size: size, format: format, packed: sha256.New(), out: f, dir: dir, limit: math.MaxInt64, room: math.MaxInt64, buf: make([]byte, 0, chunk)}
	if opt.Limit > 0 {
		j.limit = opt.Limit
	} else if j.room, err = room(f); err != nil {
		return nil, fmt.Errorf("unpack %s: room in %s: %w", format, dir, err)
	}
	if err := j.run(); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("unpack %s: %w", format, err)
	}
	return &Unpacked{File: f, Size: j.written, Fields: j.all()}, nil
}

// room is how many bytes can be stored beside f; a sixteenth is left to others.
func room(f *os.File) (int64, error) {
	var s unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &s); err != nil {
		return 0, err
	}
	free := min(s.Bavail, math.MaxInt64/uint64(s.Bsize)) * uint64(s.Bsize)
	return int64(free - free/16), nil
}

// job is one file that is being unpacked.
type job struct {
	ctx    context.Context
	r      io.ReaderAt
	size   int64
	format Format

	parts  int // members, streams or frames
	fields []container.Field
	packed hash.Hash // over the compressed data without headers and checks
	// scratch holds compressed data on their way to the digest.
	scratch []byte

	out     *os.File
	dir     string
	buf     []byte // content that is not written yet
	written int64  // bytes of content, holes and buf included
	stored  int64  // bytes of content that are no holes
	limit   int64  // of written
	room    int64  // for stored
}

func (j *job) run() error {
	if err := [...]func() error{j.gzip, j.xz, j.zstd}[j.format](); err != nil {
		return err
	}
	if err := j.flush(); err != nil {
		return err
	}
	return j.out.Truncate(j.written)
}

// structure names the current member, stream or frame.
func (j *job) structure() string {
	return fmt.Sprintf("%s %s %d", j.format, j.unit(), j.parts)
}

func (j *job) unit() string { return [...]string{"member", "stream", "frame"}[j.format] }

// add lists fields of the current member, stream or frame.
func (j *job) add(fields ...container.Field) {
	if j.parts <= maxListed {
		j.fields = append(j.fields, fields...)
	}
}

// all is every field, those of the whole file in front.
func (j *job) all() []container.Field {
	structure := j.format.String()
	return append([]container.Field{
		{Structure: structure, Name: "length", Value: fmt.Sprint(j.size), Length: j.size, Derived: []string{structure + "/compressed data"}},
		{Structure: structure, Name: j.unit() + "s", Value: fmt.Sprint(j.parts), Length: j.size, Sort: "environment", Remedy: sameTool},
		{
			Structure: structure, Name: "compressed data", Value: "sha256:" + hex.EncodeToString(j.packed.Sum(nil)), Length: j.size,
			Sort: "environment", Remedy: sameTool,
		},
	}, j.fields...)
}

const sameTool = "use the same release of the same compressor with the same level and the same number of threads"

// digest takes length bytes of compressed data at offset into account.
func (j *job) digest(offset, length int64) error {
	if j.scratch == nil {
		j.scratch = make([]byte, 256<<10)
	}
	for length > 0 {
		if err := j.ctx.Err(); err != nil {
			return err
		}
		b := j.scratch[:min(length, int64(len(j.scratch)))]
		if err := j.read(b, offset); err != nil {
			return err
		}
		j.packed.Write(b)
		offset, length = offset+int64(len(b)), length-int64(len(b))
	}
	return nil
}

// read fills b from the compressed file.
func (j *job) read(b []byte, offset int64) error {
	n, err := j.r.ReadAt(b, offset)
	if n == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return j.truncated()
	}
	return err
}

func (j *job) truncated() error {
	return fmt.Errorf("the file is truncated: it ends at byte %d within %s %d", j.size, j.unit(), j.parts)
}

// damaged wraps what a decoder says of the data that begin at offset.
func (j *job) damaged(offset int64, err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return j.truncated()
	}
	return fmt.Errorf("%s %d, whose data begin at byte %d, is damaged: %w", j.unit(), j.parts, offset, err)
}
