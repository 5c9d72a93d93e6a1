package inside

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/build/guest/job"
	"github.com/reprodisk/reprodisk/internal/patherr"
)

// maxUsers bounds /etc/passwd and /etc/group, in bytes.
const maxUsers = 16 << 20

// own gives a file, or a folder with all below it, an owner. Filesystems of the
// devices except are left out: what the kernel provides is not the image's.
func own(image int, o *job.Own, except []uint64) error {
	uid, err := lookUpID(image, "user", o.User, "/etc/passwd")
	if err != nil {
		return fmt.Errorf("%s: %w", o.Path, err)
	}
	gid, err := lookUpID(image, "group", o.Group, "/etc/group")
	if err != nil {
		return fmt.Errorf("%s: %w", o.Path, err)
	}
	fd, err := openIn(image, o.Path, unix.O_PATH|unix.O_NOFOLLOW)
	if err != nil {
		return fmt.Errorf("%s: %w", o.Path, err)
	}
	return ownTree(fd, path.Clean("/"+o.Path), uid, gid, except)
}

// lookUpID is the number of a user or group. A name that is all digits and that
// nobody has is a number, as chown(1) has it. An empty one is -1: it stays.
func lookUpID(image int, what, name, file string) (int, error) {
	if name == "" {
		return -1, nil
	}
	b, err := readIn(image, file, maxUsers)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		// passwd(5), group(5): name:password:number:…
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) < 3 || f[0] != name {
			continue
		}
		n, err := strconv.ParseUint(f[2], 10, 32)
		if err != nil || n == 1<<32-1 {
			return 0, fmt.Errorf("the image's %s gives the %s %s no number", file, what, name)
		}
		return int(n), nil
	}
	if n, err := strconv.ParseUint(name, 10, 32); err == nil && n < 1<<32-1 {
		return int(n), nil
	}
	if err != nil {
		return 0, fmt.Errorf("there is no %s %s: the image has no %s", what, name, file)
	}
	return 0, fmt.Errorf("there is no %s %s in the image's %s", what, name, file)
}

// ownTree owns what a descriptor of O_PATH stands for, and all below it; it
// closes the descriptor.
func ownTree(fd int, name string, uid, gid int, except []uint64) error {
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if slices.Contains(except, st.Dev) {
		return nil
	}
	err := ownOne(fd, &st, uid, gid)
	if err == unix.EPERM {
		err = errors.New("its filesystem keeps no owners, or it is immutable")
	}
	if err != nil {
		return fmt.Errorf("%s: cannot be given to %d:%d: %w", name, uid, gid, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return nil
	}
	names, err := namesIn(fd)
	if err != nil {
		return patherr.At(name, err)
	}
	for _, n := range names {
		kid, err := unix.Openat(fd, n, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("%s: %w", path.Join(name, n), err)
		}
		if err := ownTree(kid, path.Join(name, n), uid, gid, except); err != nil {
			return err
		}
	}
	return nil
}

// namesIn lists a folder.
func namesIn(fd int) ([]string, error) {
	f, err := os.Open(proc(fd))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	slices.Sort(names)
	return names, err
}

// ownOne owns one file. The kernel takes setuid, setgid and capabilities from a
// file whose owner changes; they are put back.
func ownOne(fd int, st *unix.Stat_t, uid, gid int) error {
	if (uid < 0 || int(st.Uid) == uid) && (gid < 0 || int(st.Gid) == gid) {
		return nil
	}
	const capability = "security.capability"
	var capabilities []byte
	if st.Mode&unix.S_IFMT == unix.S_IFREG {
		b := make([]byte, 64) // a struct vfs_ns_cap_data has 24 bytes
		switch n, err := unix.Getxattr(proc(fd), capability, b); err {
		case nil:
			capabilities = b[:n]
		case unix.ENODATA, unix.EOPNOTSUPP:
		default:
			return err
		}
	}
	if err := unix.Fchownat(fd, "", uid, gid, unix.AT_EMPTY_PATH|unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	if st.Mode&(unix.S_ISUID|unix.S_ISGID) != 0 && st.Mode&unix.S_IFMT != unix.S_IFLNK {
		if err := unix.Chmod(proc(fd), st.Mode&0o7777); err != nil {
			return err
		}
	}
	if capabilities != nil {
		return unix.Setxattr(proc(fd), capability, capabilities, 0)
	}
	return nil
}
