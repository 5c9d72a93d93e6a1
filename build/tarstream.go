package build

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/reprodisk/reprodisk/internal/patherr"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// xattrRecord is the prefix under which tar streams carry extended attributes:
// star's, which GNU tar, libarchive and squashfs-tools read.
const xattrRecord = "SCHILY.xattr."

// writeTar writes a tree as a tar stream (POSIX.1-2001, "pax"), so that a tool
// that makes a filesystem needs neither a copy of the sources nor root.
//
// Equal trees give equal bytes. Entries stand in the tree's order, parents
// first, under names without "./"; owners are numbers only; times are whole
// seconds, those outside 1970 to 2106 the nearest inside; hard links point at
// the first name. The root itself is left out, for readers disagree on it. A
// socket is an error: tar has no entry for one.
//
// Progress, where not nil, is told how many bytes of files' content are
// written, and of how many.
func writeTar(ctx context.Context, w io.Writer, root *tree.Node, progress func(done, total int64)) error {
	s := &tarStream{ctx: ctx, w: tar.NewWriter(w), first: map[*tree.Inode]string{}, progress: progress}
	counted := map[*tree.Inode]bool{}
	_ = root.Walk(func(_ string, n *tree.Node) error {
		if n.Type() == tree.Regular && !counted[n.Inode] {
			counted[n.Inode] = true
			s.total += n.Size
		}
		return nil
	})
	if err := root.Walk(s.entry); err != nil {
		return err
	}
	return s.w.Close()
}

type tarStream struct {
	ctx         context.Context
	w           *tar.Writer
	first       map[*tree.Inode]string // the name under which an inode stands already
	progress    func(done, total int64)
	done, total int64
	buf         []byte
}

var tarTypes = map[uint32]byte{
	tree.Regular: tar.TypeReg, tree.Directory: tar.TypeDir, tree.Symlink: tar.TypeSymlink,
	tree.Char: tar.TypeChar, tree.Block: tar.TypeBlock, tree.FIFO: tar.TypeFifo,
}

func (s *tarStream) entry(path string, n *tree.Node) error {
	if err := s.ctx.Err(); err != nil || path == "/" {
		return err
	}
	kind, ok := tarTypes[n.Type()]
	if !ok {
		return fmt.Errorf("%s: a tar stream has no place for a socket; leave it out", path)
	}
	h := tar.Header{
		Typeflag: kind, Name: strings.TrimPrefix(path, "/"), Format: tar.FormatPAX,
		Mode: int64(n.Mode & tree.PermMask), Uid: int(n.UID), Gid: int(n.GID),
		ModTime: time.Unix(seconds32(n.Mtime), 0),
	}
	if first, again := s.first[n.Inode]; again {
		h.Typeflag, h.Linkname = tar.TypeLink, first
		return s.header(path, &h)
	}
	if !n.IsDir() {
		s.first[n.Inode] = h.Name
	}
	for _, x := range n.Xattrs {
		if h.PAXRecords == nil {
			h.PAXRecords = map[string]string{}
		}
		h.PAXRecords[xattrRecord+x.Name] = string(x.Value)
	}
	switch n.Type() {
	case tree.Directory:
		h.Name += "/"
	case tree.Symlink:
		h.Linkname = n.Target
	case tree.Char, tree.Block:
		h.Devmajor, h.Devminor = int64(n.Major), int64(n.Minor)
	case tree.Regular:
		h.Size = n.Size
	}
	if err := s.header(path, &h); err != nil {
		return err
	}
	if h.Size == 0 {
		return nil
	}
	return s.content(path, n.Inode)
}

func (s *tarStream) header(path string, h *tar.Header) error {
	if err := s.w.WriteHeader(h); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func (s *tarStream) content(path string, i *tree.Inode) error {
	r, err := i.Content.Open()
	if err != nil {
		return err // which names the source
	}
	defer r.Close()
	if s.buf == nil {
		s.buf = make([]byte, 256<<10)
	}
	for left := i.Size; left > 0; {
		if err := s.ctx.Err(); err != nil {
			return err
		}
		b := s.buf[:min(int64(len(s.buf)), left)]
		if _, err := io.ReadFull(r, b); err != nil {
			return fmt.Errorf("%s: reading %s: %w", path, i.Origin, patherr.Bare(err))
		}
		if _, err := s.w.Write(b); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		left -= int64(len(b))
		s.done += int64(len(b))
		if s.progress != nil {
			s.progress(s.done, s.total)
		}
	}
	return nil
}

// seconds32 is a time in whole seconds since 1970 as 32 bits hold it.
func seconds32(t tree.Time) int64 { return min(max(t.Sec, 0), math.MaxUint32) }
