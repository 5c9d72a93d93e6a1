package initramfs

import (
	"debug/elf"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/internal/patherr"
	"github.com/reprodisk/reprodisk/internal/readonly"
)

// object is an ELF file as its dynamic loader sees it.
type object struct {
	machine elf.Machine
	class   elf.Class
	loader  string // PT_INTERP; empty: a library, or a static program
	soname  string
	needed  []string
	runpath []string // DT_RUNPATH's folders
	rpath   []string // DT_RPATH's, which count where there is no DT_RUNPATH

	by       *object // that needs it; nil: the program
	here, at string  // its path on this machine and in the archive
}

func readObject(path string) (*object, error) {
	f, err := readonly.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if fi, err := f.Stat(); err != nil {
		return nil, err
	} else if !fi.Mode().IsRegular() {
		return nil, errors.New("is not a regular file")
	}
	e, err := elf.NewFile(f)
	if err != nil {
		return nil, fmt.Errorf("is not an ELF program: %w", patherr.Bare(err))
	}
	o := &object{machine: e.Machine, class: e.Class, here: path}
	for _, p := range e.Progs {
		if p.Type != elf.PT_INTERP {
			continue
		}
		if p.Filesz > unix.PathMax {
			return nil, errors.New("names a loader whose path is too long")
		}
		b := make([]byte, p.Filesz)
		if _, err := p.ReadAt(b, 0); err != nil {
			return nil, err
		}
		o.loader, _, _ = strings.Cut(string(b), "\x00")
	}
	if e.SectionByType(elf.SHT_DYNAMIC) == nil {
		if o.loader != "" {
			return nil, errors.New("is dynamically linked but has no .dynamic section, which would say what to")
		}
		return o, nil
	}
	for tag, to := range map[elf.DynTag]*[]string{elf.DT_NEEDED: &o.needed, elf.DT_RUNPATH: &o.runpath, elf.DT_RPATH: &o.rpath} {
		if *to, err = e.DynString(tag); err != nil {
			return nil, err
		}
	}
	o.runpath, o.rpath = split(o.runpath), split(o.rpath)
	sonames, err := e.DynString(elf.DT_SONAME)
	if err != nil {
		return nil, err
	}
	if len(sonames) > 0 {
		o.soname = sonames[0]
	}
	return o, nil
}

// split is the folders in lists that colons part.
func split(lists []string) (folders []string) {
	for _, list := range lists {
		for folder := range strings.SplitSeq(list, ":") {
			if folder != "" {
				folders = append(folders, folder)
			}
		}
	}
	return folders
}

// folder is one in which a library is looked up: here, and in the archive.
type folder struct{ here, at string }

// folders are those that the object itself has its libraries looked up in: its
// DT_RUNPATH, or else its DT_RPATH and that of all that led to it. System is
// where in the archive the loader looks by itself.
func (o *object) folders(system string) (found []folder) {
	if o.runpath != nil {
		return o.expand(o.runpath, system)
	}
	for ; o != nil; o = o.by {
		if o.runpath == nil {
			found = append(found, o.expand(o.rpath, system)...)
		}
	}
	return found
}

// expand replaces $ORIGIN, here and in the archive. A program's own the loader
// learns from /proc, which is not there yet when init starts: in the archive it
// is as if the system's folder had been named instead.
//
// What is no absolute path then would depend on where the program is started,
// and is left out.
func (o *object) expand(folders []string, system string) (found []folder) {
	for _, f := range folders {
		in := func(path string) string {
			dir := filepath.Dir(path)
			return strings.NewReplacer("${ORIGIN}", dir, "$ORIGIN", dir).Replace(f)
		}
		here, at := in(o.here), in(o.at)
		if o.by == nil && at != f {
			at = system
		}
		if filepath.IsAbs(here) && filepath.IsAbs(at) {
			found = append(found, folder{filepath.Clean(here), filepath.Clean(at)})
		}
	}
	return found
}
