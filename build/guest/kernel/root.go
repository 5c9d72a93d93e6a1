package kernel

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/internal/patherr"
	"github.com/reprodisk/reprodisk/internal/readonly"
)

// root is a folder that stands for /; "" is / itself. Paths and links in it,
// such as those of a Nix store that lies elsewhere, lead inside of it, as they
// do after chroot(2).
type root string

// maxLinks is how many links a path may go through, as path_resolution(7) has it.
const maxLinks = 40

// on is the path on this machine, as people are told it.
func (r root) on(p string) string { return filepath.Join("/", string(r), p) }

// resolve is the path inside the root that p leads to, without links.
func (r root) resolve(p string) (string, error) {
	at, links := "/", 0
	for rest := strings.Split(p, "/"); len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		switch name {
		case "", ".":
			continue
		case "..":
			at = path.Dir(at)
			continue
		}
		next := path.Join(at, name)
		fi, err := os.Lstat(r.on(next))
		if err != nil {
			return "", patherr.At(r.on(p), err)
		}
		if fi.Mode()&os.ModeSymlink == 0 {
			at = next
			continue
		}
		if links++; links > maxLinks {
			return "", patherr.At(r.on(p), unix.ELOOP)
		}
		target, err := os.Readlink(r.on(next))
		if err != nil {
			return "", patherr.At(r.on(p), err)
		}
		if strings.HasPrefix(target, "/") {
			at = "/"
		}
		rest = slices.Concat(strings.Split(target, "/"), rest)
	}
	return at, nil
}

// open opens a regular file for reading.
func (r root) open(p string) (f *os.File, size int64, err error) {
	at, err := r.resolve(p)
	if err != nil {
		return nil, 0, err
	}
	// Not blocking: a pipe of that name has no writer.
	f, err = readonly.OpenWith(os.OpenFile, r.on(at), unix.O_NOFOLLOW|unix.O_NONBLOCK)
	if err != nil {
		return nil, 0, patherr.At(r.on(p), err)
	}
	fi, err := f.Stat()
	if err == nil && !fi.Mode().IsRegular() {
		err = errors.New("is not a regular file")
	}
	if err != nil {
		f.Close()
		return nil, 0, patherr.At(r.on(p), err)
	}
	return f, fi.Size(), nil
}

// read is a whole file of at most limit bytes. One that is not there is nil.
func (r root) read(p string, limit int64) ([]byte, error) {
	f, _, err := r.open(p)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("has more than %d MiB", limit>>20)
	}
	if err != nil {
		return nil, patherr.At(r.on(p), err)
	}
	if b == nil {
		b = []byte{}
	}
	return b, nil
}

// list is the names in a folder, sorted.
func (r root) list(p string) (names []string, err error) {
	at, err := r.resolve(p)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(r.on(at), unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, patherr.At(r.on(p), err)
	}
	defer f.Close()
	if names, err = f.Readdirnames(-1); err != nil {
		return nil, patherr.At(r.on(p), err)
	}
	slices.Sort(names)
	return names, nil
}

// isFolder tells whether p leads to a folder.
func (r root) isFolder(p string) bool {
	at, err := r.resolve(p)
	if err != nil {
		return false
	}
	fi, err := os.Lstat(r.on(at))
	return err == nil && fi.IsDir()
}

// split is the root that a path on this machine lies in, either r or / itself,
// and the path inside of that root.
func (r root) split(p string) (root, string, error) {
	p, err := filepath.Abs(p)
	if err != nil {
		return "", "", err
	}
	if r != "" && r != "/" {
		if in, ok := strings.CutPrefix(p, filepath.Clean(string(r))+"/"); ok {
			return r, "/" + in, nil
		}
	}
	return "", p, nil
}
