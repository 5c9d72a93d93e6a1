package sandbox

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// subIDs is the first range that a file like /etc/subuid gives the caller; nil
// where there is none, or no newuidmap(1) and newgidmap(1) to use it.
func subIDs(file string) []extent {
	for _, tool := range []string{"newuidmap", "newgidmap"} {
		if _, err := exec.LookPath(tool); err != nil {
			return nil
		}
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	id := strconv.Itoa(os.Geteuid())
	name := id
	if u, err := user.LookupId(id); err == nil {
		name = u.Username
	}
	return parseSubIDs(string(b), name, id)
}

// parseSubIDs reads the first range of a user, by name or number, subuid(5).
func parseSubIDs(s, name, id string) []extent {
	for line := range strings.Lines(s) {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) != 3 || f[0] != name && f[0] != id {
			continue
		}
		start, err1 := strconv.ParseUint(f[1], 10, 32)
		size, err2 := strconv.ParseUint(f[2], 10, 32)
		if err1 != nil || err2 != nil || size == 0 || start == 0 || start+size-1 > maxIDs {
			continue
		}
		return []extent{{int(start), int(min(size, 1<<24))}}
	}
	return nil
}

// ambient makes init keep its capabilities over its execve, although its user
// has no number yet.
func ambient(sys *syscall.SysProcAttr) {
	last, err := strconv.Atoi(setting("kernel/cap_last_cap"))
	if err != nil {
		last = unix.CAP_LAST_CAP
	}
	for c := 0; c <= last; c++ {
		sys.AmbientCaps = append(sys.AmbientCaps, uintptr(c))
	}
}

// writeMaps has newuidmap(1) and newgidmap(1) write the maps of a process, which
// waits for its orders meanwhile.
func writeMaps(pid int, p *ids) error {
	for tool, m := range map[string][]syscall.SysProcIDMap{"newuidmap": p.OuterUID, "newgidmap": p.OuterGID} {
		args := []string{strconv.Itoa(pid)}
		for _, e := range m {
			args = append(args, strconv.Itoa(e.ContainerID), strconv.Itoa(e.HostID), strconv.Itoa(e.Size))
		}
		path, err := exec.LookPath(tool)
		if err != nil {
			return fmt.Errorf("%s: %w", tool, bareExec(err))
		}
		said, err := exec.Command(path, args...).CombinedOutput()
		if err != nil {
			line, _, _ := strings.Cut(strings.TrimSpace(string(said)), "\n")
			return fmt.Errorf("%s: %s", tool, strings.TrimPrefix(line, tool+": "))
		}
	}
	return nil
}

// beRoot makes init root of its namespace, whose ids have been mapped meanwhile.
func beRoot() error {
	for _, call := range []uintptr{unix.SYS_SETRESGID, unix.SYS_SETRESUID} {
		if _, _, e := unix.RawSyscall(call, 0, 0, 0); e != 0 {
			return fmt.Errorf("sandbox isolated: not root of the new user namespace: %w", e)
		}
	}
	return nil
}

// takeBack gives all files of a folder to the caller, whoever the build has
// given them to.
func takeBack(dir string) {
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil && d == nil {
			return nil
		}
		os.Lchown(path, 0, 0)
		if fi, err := d.Info(); err == nil && fi.IsDir() {
			os.Chmod(path, fi.Mode().Perm()|0o700)
		}
		return nil
	})
}

// takeBack does so for a run that was ended before init could.
func (s *session) takeBack() {
	if !s.orders.IDs.Ranges || !s.orders.Userns {
		return
	}
	s.stdout, s.stderr, s.orders.Exec.Traced = nil, nil, false
	onThread(func() {
		c, err := s.start()
		if err != nil {
			return
		}
		defer c.close()
		if tell(c.orders, &orders{Level: Isolated, IDs: s.orders.IDs, TakeBack: s.folder}) != nil {
			c.kill()
		}
		c.wait()
	})
}
