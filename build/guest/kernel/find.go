package kernel

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Where says where a kernel is looked for: what is given first, and nowhere
// else; where nothing is given, or a system without a kernel, on this machine.
type Where struct {
	// Kernel is a kernel's file on this machine, and Modules the folder of its
	// modules: lib/modules/VERSION, or one in which that lies. Without Modules
	// the kernel's own neighbourhood and /lib/modules are looked at.
	Kernel, Modules string
	// Toplevel is a NixOS system in StoreRoot, as closure.Find gives it: its link
	// kernel leads to the kernel, kernel-modules to the modules.
	Toplevel string
	// StoreRoot is the folder that stands for / above the Nix store; "" is /.
	StoreRoot string
	// Arch is the architecture that the kernel has to be for; "" takes any but
	// user-mode Linux, which has to be asked for or named.
	Arch Arch
	// Root is the folder that stands for / above /boot and /lib/modules; "" is /.
	Root string
}

// Find finds a kernel and the folder of its modules. The error, in one line,
// says what was looked at, what was wrong with it, and how to get a kernel.
func Find(w Where) (Kernel, error) {
	store := root(w.StoreRoot)
	switch {
	case w.Kernel != "":
		return w.named(store)
	case w.Modules != "":
		return Kernel{}, fmt.Errorf("%s: modules are of use with the kernel that they belong to alone: name it too", w.Modules)
	case w.Toplevel != "" && w.Arch != UM:
		k, err := open(store, path.Join(w.Toplevel, "kernel"))
		if errors.Is(err, os.ErrNotExist) { // boot.isContainer
			break
		}
		if err == nil {
			err = w.fits(&k)
		}
		if err == nil {
			err = k.find(store, path.Join(w.Toplevel, "kernel-modules"))
		}
		return k, err
	}
	return w.machine(root(w.Root))
}

// fits checks the kernel's architecture.
func (w Where) fits(k *Kernel) error {
	if w.Arch != "" && k.Arch != w.Arch {
		return fmt.Errorf("%s: is a kernel for %s, and one for %s is needed", k.Path, k.Arch, w.Arch)
	}
	return nil
}

// find sets the folder of the kernel's modules, which is dir or lies in it. A
// folder of another version than the kernel's is refused: the kernel would
// refuse its modules.
func (k *Kernel) find(r root, dir string) error {
	in, err := findTree(r, dir, k.Version)
	if err != nil {
		return err
	}
	at, err := r.resolve(in)
	if err != nil {
		return err
	}
	// A folder of another name than a version's may have been made by hand.
	if v := path.Base(at); v != k.Version && path.Base(in) != k.Version && digits(v) > 0 {
		return fmt.Errorf("%s: are the modules of %s, but %s is %s", r.on(in), v, k.Path, k.Version)
	}
	k.modules, k.folder, k.Folder = r, at, r.on(at)
	return nil
}

// named is the kernel that was asked for by its path.
func (w Where) named(store root) (Kernel, error) {
	r, in, err := store.split(w.Kernel)
	if err != nil {
		return Kernel{}, err
	}
	k, err := open(r, in)
	if err != nil {
		return Kernel{}, readable(err)
	}
	if err := w.fits(&k); err != nil {
		return Kernel{}, err
	}
	if w.Modules != "" {
		r, dir, err := store.split(w.Modules)
		if err != nil {
			return Kernel{}, err
		}
		return k, k.find(r, dir)
	}
	// As packages and Nix lay them out: boot/vmlinuz-V beside lib/modules/V or
	// usr/lib/modules/V, bzImage beside lib/modules/V or kernel-modules,
	// bin/linux.uml beside lib/uml/modules/V.
	dir := filepath.Dir(k.Path)
	above := filepath.Dir(dir)
	for _, near := range []string{
		dir + "/modules", dir + "/lib/modules", dir + "/kernel-modules/lib/modules",
		above + "/lib/modules", above + "/usr/lib/modules", above + "/lib/uml/modules", "/lib/modules",
	} {
		r, in, err := store.split(path.Join(near, k.Version))
		if err == nil && k.find(r, in) == nil {
			return k, nil
		}
	}
	return Kernel{}, fmt.Errorf("%s: no modules of that kernel, which is %s, are beside it or in /lib/modules: name their folder too", k.Path, k.Version)
}

// candidate is a kernel of this machine and the folders that may have its modules.
type candidate struct{ kernel, version string }

// machine is the kernel that this machine runs, or else the newest that can be
// used.
func (w Where) machine(r root) (Kernel, error) {
	var all []candidate
	var modules, looked string
	if w.Arch == UM {
		modules, looked = "/usr/lib/uml/modules", "/usr/bin/linux.uml /usr/bin/linux /usr/local/bin/linux"
		for p := range strings.FieldsSeq(looked) {
			all = append(all, candidate{kernel: p})
		}
	} else {
		modules, looked = "/lib/modules", "/boot/vmlinuz-* /lib/modules/*/vmlinuz"
		all = installed(r)
	}
	var wrong []string
	for _, c := range all {
		k, err := open(r, c.kernel)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err == nil {
			err = w.fits(&k)
		}
		if err == nil {
			if err = k.find(r, path.Join(modules, k.Version)); errors.Is(err, os.ErrNotExist) {
				err = fmt.Errorf("%s: has no modules in %s", r.on(c.kernel), r.on(path.Join(modules, k.Version)))
			}
		}
		if err == nil {
			return k, nil
		}
		wrong = append(wrong, readable(err).Error())
	}
	what := "no Linux kernel to start a virtual machine with: looked for " + looked
	if w.Arch != "" {
		what = fmt.Sprintf("no Linux kernel for %s to start a virtual machine with: looked for %s", w.Arch, looked)
	}
	if len(wrong) > 0 {
		what += " (" + strings.Join(wrong, "; ") + ")"
	}
	if w.Arch == UM {
		return Kernel{}, fmt.Errorf("%s; install one, as with `apt-get install user-mode-linux`", what)
	}
	return Kernel{}, fmt.Errorf("%s; install one, as with `apt-get install linux-image-cloud-amd64`, or name one with its modules: what `apt-get download` and `dpkg-deb -x` make of that package, or NixOS's linuxPackages.kernel", what)
}

// installed are the kernels of this machine, the running one first, then the
// newest.
func installed(r root) []candidate {
	var all []candidate
	boot, _ := r.list("/boot") // what is not there has none
	for _, name := range boot {
		if version, ok := strings.CutPrefix(name, "vmlinuz-"); ok {
			all = append(all, candidate{path.Join("/boot", name), version})
		}
	}
	modules, _ := r.list("/lib/modules")
	for _, name := range modules {
		all = append(all, candidate{path.Join("/lib/modules", name, "vmlinuz"), name})
	}
	running, _ := r.read("/proc/sys/kernel/osrelease", 4096)
	release := strings.TrimSpace(string(running))
	slices.SortStableFunc(all, func(a, b candidate) int {
		if x, y := a.version == release, b.version == release; x != y {
			if x {
				return -1
			}
			return 1
		}
		return compare(b.version, a.version)
	})
	return all
}

// compare orders versions by the numbers in them: 6.9 before 6.10.
func compare(a, b string) int {
	for a != "" && b != "" {
		x, y := digits(a), digits(b)
		if x > 0 && y > 0 {
			m, n := strings.TrimLeft(a[:x], "0"), strings.TrimLeft(b[:y], "0")
			if c := cmp.Or(cmp.Compare(len(m), len(n)), strings.Compare(m, n)); c != 0 {
				return c
			}
			a, b = a[x:], b[y:]
			continue
		}
		if c := cmp.Compare(a[0], b[0]); c != 0 {
			return c
		}
		a, b = a[1:], b[1:]
	}
	return cmp.Compare(len(a), len(b))
}

func digits(s string) int { return len(s) - len(strings.TrimLeft(s, "0123456789")) }

// readable says of a kernel that may not be read how it may be.
func readable(err error) error {
	if errors.Is(err, os.ErrPermission) {
		return fmt.Errorf("%w, as Ubuntu installs its kernels: make it readable with `chmod a+r`, or name a copy", err)
	}
	return err
}
