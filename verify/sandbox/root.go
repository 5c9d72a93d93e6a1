package sandbox

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/internal/patherr"
)

// Where things lie while the root is made: on a private tmpfs, with the
// machine's root below it.
const (
	oldRoot = "/old"
	newRoot = "/new"
	fakes   = "/fakes"   // files to be bound over others
	scratch = "/scratch" // all temporary folders but the build folder
)

// systemFolders are what SystemInput stands for, where the machine has them.
var systemFolders = []string{
	"/usr", "/etc", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/nix", "/gnu",
	"/var/lib/alternatives", "/var/lib/dpkg", "/var/guix",
}

// runEntries are what of the machine's /run programs cannot do without: NixOS
// has its system there.
var runEntries = []string{"/run/current-system", "/run/booted-system", "/run/opengl-driver", "/run/wrappers"}

// netEntries are where /etc/resolv.conf may point to.
var netEntries = []string{"/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager", "/run/connman"}

var errChroot = errors.New("sandbox isolated: cannot change the root: not possible in a chroot or on a ramdisk's root; use the level supervised")

// makeRoot makes the root of the sandbox and enters it.
func (o *orders) makeRoot() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		if err == unix.EINVAL { // the root is no mount
			return errChroot
		}
		return fmt.Errorf("sandbox isolated: cannot leave the machine's mounts alone: %w", err)
	}
	if err := o.enterStaging(); err != nil {
		return err
	}
	l, err := o.layout()
	if err != nil {
		return err
	}
	if err := tmpfs("the new root", newRoot, 0o755, 0); err != nil {
		return err
	}
	if err := l.build(newRoot, oldRoot); err != nil {
		return err
	}
	for _, step := range []func(*layout) error{
		o.mountScratch, o.mountDev, o.mountProc, o.mountSys, o.mountBuild, o.mountVisible,
		o.mountOverlay, o.mountUsers, o.mountFacts,
	} {
		if err := step(l); err != nil {
			return err
		}
	}
	if err := o.settle(); err != nil {
		return err
	}
	if err := os.Chdir(newRoot); err != nil {
		return patherr.At(newRoot, err)
	}
	if err := unix.PivotRoot(".", "."); err != nil { // the old root is stacked on the new one
		return fmt.Errorf("sandbox isolated: cannot change the root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("sandbox isolated: cannot leave the machine's root: %w", err)
	}
	return os.Chdir("/")
}

// enterStaging makes a tmpfs the root, with the machine's below it: no later
// mount can then hide something that is still to be bound.
func (o *orders) enterStaging() error {
	stage := ""
	for _, p := range []string{"/tmp", "/var/tmp", "/usr", "/proc"} {
		if fi, err := os.Lstat(p); err == nil && fi.IsDir() {
			stage = p
			break
		}
	}
	if stage == "" {
		return errors.New("sandbox isolated: there is no /tmp")
	}
	if err := tmpfs("a folder to work in", stage, 0o755, 0); err != nil {
		return err
	}
	for _, d := range []string{oldRoot, newRoot, fakes, scratch} {
		if err := os.Mkdir(stage+d, 0o755); err != nil {
			return patherr.At(d, err)
		}
	}
	if err := unix.PivotRoot(stage, stage+oldRoot); err != nil {
		if err == unix.EINVAL {
			return errChroot
		}
		return fmt.Errorf("sandbox isolated: cannot change the root: %w", err)
	}
	return os.Chdir("/")
}

// layout plans the root.
func (o *orders) layout() (*layout, error) {
	m := underRoot(oldRoot)
	l := newLayout(m)
	var lists [][]string
	if len(o.Inputs) == 0 {
		if err := l.everything(); err != nil {
			return nil, err
		}
		lists = append(lists, existing(m, runEntries))
	}
	for _, p := range o.Inputs {
		if p == SystemInput {
			lists = append(lists, existing(m, systemFolders), existing(m, runEntries))
		} else {
			lists = append(lists, []string{p})
		}
	}
	if o.Network {
		lists = append(lists, existing(m, netEntries))
	}
	for _, list := range lists {
		for _, p := range list {
			if hidden(p) {
				continue // comes on top of the private folder
			}
			if err := l.bind(p); err != nil {
				return nil, err
			}
		}
	}
	for _, d := range []string{"/proc", "/sys", "/dev", "/tmp", "/run"} {
		l.root.kids[d[1:]] = &node{kind: privateDir, perm: 0o755, kids: map[string]*node{}}
	}
	if _, err := m.Lstat("/var/tmp"); err == nil || len(o.Inputs) > 0 {
		if _, err := l.private("/var/tmp"); err != nil {
			return nil, err
		}
	}
	var err error
	if o.Build, err = l.place(o.Build); err != nil {
		return nil, err
	}
	if o.World.Home != "" {
		if o.World.Home, err = l.place(o.World.Home); err != nil {
			return nil, err
		}
	}
	for _, p := range []string{"/etc/passwd", "/etc/group"} {
		if _, err := l.file(p); err != nil {
			return nil, err
		}
	}
	for _, p := range o.visible() {
		if !hidden(p) && !within(p, o.Build) {
			if err := l.bind(p); err != nil {
				return nil, err
			}
		}
	}
	return l, nil
}

// place makes sure of a folder to mount on, but in private folders, which do
// that for themselves.
func (l *layout) place(p string) (string, error) {
	if hidden(p) {
		return p, nil
	}
	return l.private(p)
}

// visible are the single paths that have to be seen, whatever else is.
func (o *orders) visible() []string {
	ps := append([]string{}, o.Extra...)
	for _, p := range o.Inputs {
		if p != SystemInput {
			ps = append(ps, p)
		}
	}
	if o.Dir != o.Build {
		ps = append(ps, o.Dir)
	}
	if hidden(o.Exec.Path) {
		ps = append(ps, o.Exec.Path)
	}
	return ps
}

// hidden tells whether a path lies in a folder that every sandbox has of its
// own.
func hidden(p string) bool {
	for _, d := range []string{"/tmp", "/var/tmp", "/run", "/proc", "/sys", "/dev"} {
		if within(p, d) {
			return true
		}
	}
	return false
}

// within tells whether a path is a folder or lies below it.
func within(p, dir string) bool {
	return p == dir || dir == "/" || strings.HasPrefix(p, dir+"/")
}

func existing(m machine, paths []string) (found []string) {
	for _, p := range paths {
		if _, err := m.Lstat(p); err == nil {
			found = append(found, p)
		}
	}
	return found
}
