package split

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/internal/ondisk/container"
	"github.com/reprodisk/reprodisk/internal/readonly"
)

// maxChain is how many files may hold one disk, each behind another.
const maxChain = 32

// place is where an image lies, and what led to it.
type place struct {
	path    string        // as it was named, for messages
	folder  string        // of the image that was asked for, with no symbolic link in it
	dir     string        // of this file, inside of folder
	chain   []os.FileInfo // of the files that led here, this one included
	wrapped int           // compressed files around this one
}

// locate finds the folder of the image that was asked for. It stays empty
// where there is none, as for an open file that was deleted.
func (p *place) locate(f *os.File) {
	fi, err := f.Stat()
	if err != nil {
		return
	}
	if real, err := filepath.EvalSymlinks(p.path); err == nil {
		p.folder, p.dir, p.chain = filepath.Dir(real), ".", []os.FileInfo{fi}
	}
}

var errNotAllowed = errors.New("other files are not read unless backing files are allowed (--allow-backing)")

// beside opens a file that an image names as holding a part of its disk: one
// in the folder of the image that was asked for, or below. A name in an image
// is not trusted, so os.Root keeps it there, whatever symbolic links there
// are.
func (s *source) beside(name string) (*os.File, place, error) {
	var none place
	if !s.opt.AllowBacking {
		return nil, none, errNotAllowed
	}
	before, _, _ := strings.Cut(name, "/")
	switch {
	case strings.Contains(before, ":"):
		return nil, none, errors.New("is named through a protocol, and only files are read")
	case filepath.IsAbs(name):
		return nil, none, errors.New("has an absolute path, and only files below the image's own folder are read")
	case s.folder == "":
		return nil, none, errors.New("lies beside an image that is in no folder")
	case len(s.chain) >= maxChain:
		return nil, none, fmt.Errorf("is behind %d other files, and no more are read", maxChain)
	}
	root, err := os.OpenRoot(s.folder)
	if err != nil {
		return nil, none, plain(err)
	}
	defer root.Close()
	// Without waiting, in case that it is a pipe.
	inside := filepath.Join(s.dir, name)
	f, err := readonly.OpenWith(root.OpenFile, inside, unix.O_NONBLOCK)
	if err != nil {
		return nil, none, plain(err)
	}
	fi, err := f.Stat()
	if err == nil && !fi.Mode().IsRegular() {
		err = errors.New("is not a file")
	}
	for _, before := range s.chain {
		if err == nil && os.SameFile(before, fi) {
			err = errors.New("leads back to an image that it is a part of")
		}
	}
	if err != nil {
		f.Close()
		return nil, none, plain(err)
	}
	next := s.place
	next.dir = filepath.Dir(inside)
	next.chain = append(append([]os.FileInfo(nil), s.chain...), fi)
	return f, next, nil
}

// besideRaw opens a file whose bytes are the disk's.
func (s *source) besideRaw(name string) (container.Disk, error) {
	f, _, err := s.beside(name)
	if err != nil {
		return nil, err
	}
	fi, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, plain(err)
	}
	return &container.File{F: f, Length: fi.Size()}, nil
}

// besideImage opens an image of any format that is read. A format that is
// given as "raw" is believed; any other has to be what the content says.
func (s *source) besideImage(ctx context.Context, name, format string) (container.Disk, error) {
	if format == "raw" {
		return s.besideRaw(name)
	}
	f, at, err := s.beside(name)
	if err != nil {
		return nil, err
	}
	img, err := open(ctx, &container.File{F: f}, at, s.opt)
	if err == nil && format != "" && img.Format() != format {
		err = fmt.Errorf("is of the format %s, not %s", img.Format(), format)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return img.Disk, nil
}
