package closure

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/reprodisk/reprodisk/internal/tree"
)

// WriteNAR writes a tree as a Nix archive ("Nix Archive (NAR) format" in the
// Nix manual): its names, its links' targets, its files' contents and whether
// their owner may execute them, and nothing else. It returns the archive's size
// in bytes.
//
// Anything but files, folders and links is an error.
func WriteNAR(ctx context.Context, w io.Writer, n *tree.Node) (int64, error) {
	a := &archive{ctx: ctx, w: w, buf: make([]byte, 0, 2*chunk)}
	a.text("nix-archive-1")
	a.node(n)
	a.flush()
	return a.size, a.err
}

// HashNAR is the SHA-256 of a tree's archive, and the archive's size in bytes.
func HashNAR(ctx context.Context, n *tree.Node) (hash [sha256.Size]byte, size int64, err error) {
	h := sha256.New()
	size, err = WriteNAR(ctx, h, n)
	return [sha256.Size]byte(h.Sum(nil)), size, err
}

// chunk is how much of a file is read at a time, in bytes.
const chunk = 256 << 10

// archive writes until its first error.
type archive struct {
	ctx  context.Context
	w    io.Writer
	buf  []byte
	size int64
	err  error
}

func (a *archive) flush() {
	if a.err == nil && len(a.buf) > 0 {
		_, a.err = a.w.Write(a.buf)
	}
	a.size += int64(len(a.buf))
	a.buf = a.buf[:0]
}

// text writes strings: the length in eight bytes, the bytes, zeros to a
// multiple of eight.
func (a *archive) text(list ...string) {
	for _, s := range list {
		a.buf = binary.LittleEndian.AppendUint64(a.buf, uint64(len(s)))
		a.buf = append(a.buf, s...)
		a.pad(int64(len(s)))
	}
	if len(a.buf) >= chunk {
		a.flush()
	}
}

func (a *archive) pad(size int64) { a.buf = append(a.buf, make([]byte, -size&7)...) }

func (a *archive) node(n *tree.Node) {
	if a.err != nil {
		return
	}
	a.text("(", "type")
	switch n.Type() {
	case tree.Regular:
		a.text("regular")
		if n.Mode&0o100 != 0 {
			a.text("executable", "")
		}
		a.text("contents")
		a.content(n)
	case tree.Symlink:
		a.text("symlink", "target", n.Target)
	case tree.Directory:
		a.text("directory")
		for _, c := range n.Children {
			a.text("entry", "(", "name", c.Name, "node")
			a.node(c)
			a.text(")")
		}
	default:
		a.err = badType(n)
	}
	a.text(")")
}

func badType(n *tree.Node) error {
	return fmt.Errorf("%s: the Nix store holds files, folders and links only, not a file of type %#o", n.Origin, n.Type())
}

func (a *archive) content(n *tree.Node) {
	a.buf = binary.LittleEndian.AppendUint64(a.buf, uint64(n.Size))
	if n.Size > 0 {
		a.copy(n)
	}
	a.pad(n.Size)
}

func (a *archive) copy(n *tree.Node) {
	r, err := n.Content.Open()
	if err != nil {
		a.err = err
		return
	}
	defer r.Close()
	for left := n.Size; left > 0 && a.err == nil; {
		if a.err = a.ctx.Err(); a.err != nil {
			return
		}
		if cap(a.buf)-len(a.buf) < chunk {
			a.flush()
		}
		part := a.buf[len(a.buf):min(int64(cap(a.buf)), int64(len(a.buf))+min(left, chunk))]
		m, err := io.ReadFull(r, part)
		a.buf = a.buf[:len(a.buf)+m]
		left -= int64(m)
		switch {
		case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
			a.err = fmt.Errorf("%s: changed while it was being read", n.Origin)
		case err != nil:
			a.err = err
		}
	}
}
