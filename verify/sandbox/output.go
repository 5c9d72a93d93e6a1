package sandbox

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// maxDepth is how deep the folders of an output may be.
const maxDepth = 128

// output looks through what lies at "out" in the build folder, and copies it to
// the output folder unless it lies there already. No process of the build is
// left to change it meanwhile. problem is one line without where it lies.
func (o *orders) output(folder int) (found bool, problem string) {
	var st unix.Stat_t
	if err := unix.Fstatat(folder, "out", &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		if err == unix.ENOENT {
			return false, ""
		}
		return true, err.Error()
	}
	t := &taker{copy: !o.Disk, names: map[inode]string{}}
	if err := t.take(folder, outFD, "out", "", 0); err != nil {
		if t.copy {
			os.RemoveAll(fmt.Sprintf("/proc/self/fd/%d/out", outFD))
		}
		return true, trimShown(err)
	}
	return true, ""
}

// trimShown is an outputError's text.
func trimShown(err error) string { return strings.TrimPrefix(err.Error(), ": ") }

type inode struct{ dev, ino uint64 }

// taker takes an output out, or only checks it.
type taker struct {
	copy  bool
	names map[inode]string // of files that have more than one
}

// take takes one file or folder; shown is its path in the output, for people.
func (t *taker) take(from, to int, name, shown string, depth int) error {
	var st unix.Stat_t
	if err := unix.Fstatat(from, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return outputError(shown, err)
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		return t.file(from, to, name, shown, &st)
	case unix.S_IFDIR:
		return t.folder(from, to, name, shown, depth)
	case unix.S_IFLNK:
		return t.link(from, to, name, shown, depth)
	}
	return outputError(shown, errors.New(special(st.Mode)))
}

// special says what a file is that is no file, folder or link.
func special(mode uint32) string {
	switch mode & unix.S_IFMT {
	case unix.S_IFIFO:
		return "is a fifo"
	case unix.S_IFSOCK:
		return "is a socket"
	}
	return "is a device"
}

// otherName says of a file that it is one that was there already.
func otherName(first string) error {
	return fmt.Errorf("is another name of %s; copy it", quoted(first))
}

// openBeneath opens a file of a folder, whatever has become of its name.
func openBeneath(dir int, name string, flags uint64) (int, error) {
	how := unix.OpenHow{
		Flags:   flags | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS | unix.RESOLVE_NO_XDEV,
	}
	for {
		fd, err := unix.Openat2(dir, name, &how)
		if err == unix.EINTR || err == unix.EAGAIN {
			continue
		}
		return fd, err
	}
}

func (t *taker) file(from, to int, name, shown string, st *unix.Stat_t) error {
	if st.Nlink > 1 {
		id := inode{uint64(st.Dev), st.Ino}
		if first, ok := t.names[id]; ok {
			return outputError(shown, otherName(first))
		}
		t.names[id] = shown
	}
	// Whoever made it unreadable, by umask or chmod, meant others.
	if st.Mode&0o400 == 0 {
		unix.Fchmodat(from, name, 0o600, 0)
	}
	fd, err := openBeneath(from, name, unix.O_RDONLY)
	if err != nil {
		return outputError(shown, err)
	}
	in := os.NewFile(uintptr(fd), shown)
	defer in.Close()
	if !t.copy {
		return nil
	}
	fd, err = unix.Openat(to, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return outputError(shown, err)
	}
	out := os.NewFile(uintptr(fd), shown)
	err = copySparse(out, in, st.Size)
	if err == nil && st.Mode&0o111 != 0 {
		err = out.Chmod(0o755)
	}
	if e := out.Close(); err == nil {
		err = e
	}
	if err != nil {
		return outputError(shown, err)
	}
	return nil
}

// copySparse copies a file and keeps its holes, lseek(2) SEEK_DATA.
func copySparse(out, in *os.File, size int64) error {
	if err := out.Truncate(size); err != nil {
		return err
	}
	for at := int64(0); at < size; {
		data, err := unix.Seek(int(in.Fd()), at, unix.SEEK_DATA)
		if err == unix.ENXIO {
			return nil // holes to the end
		}
		if err != nil {
			return err
		}
		hole, err := unix.Seek(int(in.Fd()), data, unix.SEEK_HOLE)
		if err != nil {
			return err
		}
		if hole <= data {
			return io.ErrUnexpectedEOF
		}
		if err := copyRange(out, in, data, min(hole, size)-data); err != nil {
			return err
		}
		at = hole
	}
	return nil
}

// copyRange copies bytes within the kernel where it can, sendfile(2).
func copyRange(out, in *os.File, at, n int64) error {
	if _, err := in.Seek(at, io.SeekStart); err != nil {
		return err
	}
	if _, err := out.Seek(at, io.SeekStart); err != nil {
		return err
	}
	got, err := io.Copy(out, io.LimitReader(in, n))
	if err == nil && got != n {
		err = io.ErrUnexpectedEOF
	}
	return err
}

func (t *taker) folder(from, to int, name, shown string, depth int) error {
	if depth >= maxDepth {
		return outputError(shown, fmt.Errorf("is more than %d folders deep", maxDepth))
	}
	unix.Fchmodat(from, name, 0o755, 0)
	fd, err := openBeneath(from, name, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return outputError(shown, err)
	}
	dir := os.NewFile(uintptr(fd), shown)
	defer dir.Close()
	target := -1
	if t.copy {
		if err := unix.Mkdirat(to, name, 0o755); err != nil {
			return outputError(shown, err)
		}
		if target, err = openBeneath(to, name, unix.O_RDONLY|unix.O_DIRECTORY); err != nil {
			return outputError(shown, err)
		}
		defer unix.Close(target)
		unix.Fchmod(target, 0o755) // whatever the umask
	}
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return outputError(shown, err)
	}
	for _, n := range names {
		if err := t.take(fd, target, n, path.Join(shown, n), depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (t *taker) link(from, to int, name, shown string, depth int) error {
	b := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(from, name, b)
	if err != nil {
		return outputError(shown, err)
	}
	target := string(b[:n])
	if err := checkLink(target, shown, depth); err != nil {
		return err
	}
	if !t.copy {
		return nil
	}
	if err := unix.Symlinkat(target, to, name); err != nil {
		return outputError(shown, err)
	}
	return nil
}

// checkLink refuses a link that is the output itself, and one that leads out.
func checkLink(target, shown string, depth int) error {
	if depth == 0 {
		return outputError(shown, errors.New("is a symbolic link; copy the image there"))
	}
	if !staysWithin(target, depth-1) {
		return outputError(shown, fmt.Errorf("is a symbolic link that leads out, to %s; copy the file there", quoted(target)))
	}
	return nil
}

// staysWithin tells whether a link's target lies in the output, for a link in a
// folder so many folders below its top. Only leading ".." are counted, and no
// others accepted: behind a name that is a link itself they would lead
// elsewhere.
func staysWithin(target string, depth int) bool {
	if target == "" || path.IsAbs(target) {
		return false
	}
	down := false
	for part := range strings.SplitSeq(target, "/") {
		switch part {
		case "", ".":
		case "..":
			if down || depth == 0 {
				return false
			}
			depth--
		default:
			down = true
		}
	}
	return true
}

// outputError says "path: what is wrong" with the path quoted where it is odd,
// and without it where it is the output itself.
func outputError(shown string, err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return fmt.Errorf("%s: %w", quoted(shown), err)
}

// quoted is a name that may be anybody's, for a message of one line.
func quoted(s string) string {
	for _, r := range s {
		if r < ' ' || r == 0x7f || r > 0x7e {
			return fmt.Sprintf("%+q", s)
		}
	}
	return s
}
