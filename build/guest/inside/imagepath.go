package inside

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Paths of the image are looked up with the image's root folder as the root, as
// a program that runs in the image would: a link never leads out of it. That
// takes openat2(2), of Linux 5.6.

// openIn opens a path of the image. With O_NOFOLLOW the last name of the path
// is not followed.
func openIn(image int, name string, flags uint64) (int, error) {
	how := unix.OpenHow{Flags: flags | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
	for {
		fd, err := unix.Openat2(image, path.Clean("/"+name), &how)
		switch err {
		case unix.EINTR, unix.EAGAIN: // a name moved meanwhile
			continue
		case unix.ENOSYS:
			return -1, errors.New("the guest's kernel is too old: Linux 5.6 is needed")
		}
		return fd, err
	}
}

// makeIn opens a folder of the image, and makes it and those above it where
// they are missing; made are the paths of those.
func makeIn(image int, name string) (fd int, made []string, err error) {
	if fd, err = openIn(image, "/", unix.O_PATH|unix.O_DIRECTORY); err != nil {
		return -1, nil, fmt.Errorf("%s: %w", name, err)
	}
	at := "/"
	for part := range strings.SplitSeq(strings.Trim(path.Clean("/"+name), "/"), "/") {
		if part == "" {
			break
		}
		at = path.Join(at, part)
		next, err := openIn(image, at, unix.O_PATH|unix.O_DIRECTORY)
		if err == unix.ENOENT {
			switch err = unix.Mkdirat(fd, part, 0o755); err {
			case nil:
				made = append(made, at)
				next, err = openIn(image, at, unix.O_PATH|unix.O_DIRECTORY)
			case unix.EEXIST:
				err = errors.New("it is a link that leads nowhere")
			}
		}
		unix.Close(fd)
		if err != nil {
			return -1, made, fmt.Errorf("%s: %w", at, err)
		}
		fd = next
	}
	return fd, made, nil
}

// readIn is a file of the image, of at most limit bytes.
func readIn(image int, name string, limit int64) ([]byte, error) {
	fd, err := openIn(image, name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%s: it has more than %d bytes", name, limit)
	}
	return b, err
}

// proc is the path by which what a descriptor stands for can be named.
func proc(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

// remove removes a file of the image, where it is there.
func remove(image int, name string) error {
	dir, err := openIn(image, path.Dir(path.Clean("/"+name)), unix.O_PATH|unix.O_DIRECTORY)
	if err == nil {
		defer unix.Close(dir)
		err = unix.Unlinkat(dir, path.Base(path.Clean("/"+name)), 0)
	}
	switch err {
	case nil, unix.ENOENT, unix.ENOTDIR:
		return nil
	case unix.EISDIR:
		err = errors.New("it is a folder, and only files are removed")
	}
	return fmt.Errorf("%s: cannot be removed: %w", name, err)
}
