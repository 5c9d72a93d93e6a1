package sandbox

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// spaces are the namespaces of a sandbox, but the user's.
const spaces = unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWNET

// startIsolated starts init in namespaces of its own: with a user namespace
// where that is allowed, as root without one where it is not.
func (s *session) startIsolated(c *child, attr *syscall.ProcAttr) (err error) {
	sys := attr.Sys
	sys.Pdeathsig = unix.SIGKILL
	sys.Cloneflags = spaces | unix.CLONE_NEWUSER
	if s.req.Network {
		sys.Cloneflags &^= unix.CLONE_NEWNET
	}
	p := &s.orders.IDs
	sys.UidMappings, sys.GidMappings, sys.GidMappingsEnableSetgroups = p.OuterUID, p.OuterGID, p.Groups
	s.orders.Userns = true
	if !s.plain {
		if p.Ranges {
			if err = s.startWithRanges(c, attr); err == nil {
				return nil
			}
			// With the caller's own id alone.
			s.res.Notes = append(s.res.Notes, "files can be given to nobody else (chown): "+err.Error())
			*p = planIDs(s.req.World.User, os.Geteuid(), os.Getegid(), ownIDs, func(string) []extent { return nil })
			sys.AmbientCaps = nil
			sys.UidMappings, sys.GidMappings, sys.GidMappingsEnableSetgroups = p.OuterUID, p.OuterGID, p.Groups
		}
		c.pid, err = syscall.ForkExec("/proc/self/exe", []string{initName}, attr)
		if err == nil {
			return nil
		}
		if !mayDoWithoutUserns() {
			return errors.New(explainUserns(err))
		}
	}
	s.orders.Userns = false
	s.orders.Exec.DropCaps = true
	sys.Cloneflags &^= unix.CLONE_NEWUSER
	sys.UidMappings, sys.GidMappings = nil, nil
	if c.pid, err = syscall.ForkExec("/proc/self/exe", []string{initName}, attr); err != nil {
		return errors.New(explainSpaces(err))
	}
	return nil
}

// startWithRanges starts init in a user namespace whose maps newuidmap(1)
// writes.
func (s *session) startWithRanges(c *child, attr *syscall.ProcAttr) (err error) {
	attr.Sys.UidMappings, attr.Sys.GidMappings = nil, nil
	ambient(attr.Sys)
	if c.pid, err = syscall.ForkExec("/proc/self/exe", []string{initName}, attr); err != nil {
		return err
	}
	if err = writeMaps(c.pid, &s.orders.IDs); err != nil {
		c.kill()
		c.wait()
		unix.Close(c.pidfd)
		c.pidfd = -1
	}
	return err
}

// errWithoutUserns asks for another go without a user namespace.
var errWithoutUserns = errors.New("sandbox: no user namespace")

// mayDoWithoutUserns tells whether this is root, who needs none.
func mayDoWithoutUserns() bool { return os.Geteuid() == 0 && capable(unix.CAP_SYS_ADMIN) }

// explainUserns says what on this machine forbids a user namespace, and what to
// do.
func explainUserns(err error) string {
	why, what := "forbidden here", "run as root"
	switch {
	case errors.Is(err, unix.ENOSPC) || setting("user/max_user_namespaces") == "0":
		why, what = "none are left to this user", "raise the sysctl user.max_user_namespaces"
	case errors.Is(err, unix.EUSERS):
		why, what = "nested more than 32 deep", "run less deep"
	case setting("kernel/unprivileged_userns_clone") == "0":
		why, what = "sysctl kernel.unprivileged_userns_clone is 0", "set it to 1, or run as root"
	case setting("kernel/apparmor_restrict_unprivileged_userns") == "1":
		why, what = "sysctl kernel.apparmor_restrict_unprivileged_userns is 1 (Ubuntu)", "set it to 0, give this program an AppArmor profile that allows userns, or run as root"
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSYS):
		why, what = "this kernel has none (CONFIG_USER_NS)", "run as root"
	case errors.Is(err, unix.EPERM) && chrooted():
		why, what = "not allowed in a chroot", "run outside of it"
	case errors.Is(err, unix.EPERM):
		why, what = "a container's seccomp profile or a security module forbids them", "start the container with --security-opt seccomp=unconfined, or run on the host"
	default:
		why = fmt.Sprintf("%s (%v)", why, err)
	}
	return fmt.Sprintf("sandbox isolated: no user namespace: %s; %s, or use the level supervised", why, what)
}

// explainSpaces says why root may not make the other namespaces.
func explainSpaces(err error) string {
	return fmt.Sprintf("sandbox isolated: no namespaces, even as root (%v): a container without CAP_SYS_ADMIN or with a seccomp profile; start it with --privileged, or use the level supervised", err)
}

// setting is a sysctl's value, "" where there is no such.
func setting(name string) string {
	b, err := os.ReadFile("/proc/sys/" + name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// chrooted tells whether this process's root is not that of its mount
// namespace, which clone(2) wants for CLONE_NEWUSER: then the root folder is no
// mount of the table.
func chrooted() bool {
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 4 && f[4] == "/" {
			return false
		}
	}
	return true
}

// tryUserns makes a user namespace for a process that ends at once.
func tryUserns() error {
	attr := &syscall.ProcAttr{Env: stageEnv(Isolated), Sys: &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER}}
	var err error
	onThread(func() {
		var pid int
		// Without orders, init ends.
		if pid, err = syscall.ForkExec("/proc/self/exe", []string{initName}, attr); err == nil {
			for {
				if _, e := unix.Wait4(pid, nil, unix.WALL, nil); e != unix.EINTR {
					return
				}
			}
		}
	})
	return err
}
