package initramfs

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/internal/patherr"
)

// maxLibraries bounds how many libraries a program may need.
const maxLibraries = 256

// triples are the names of the folders in which Debian keeps the libraries of
// one processor.
var triples = map[elf.Machine]string{
	elf.EM_X86_64:  "x86_64-linux-gnu",
	elf.EM_AARCH64: "aarch64-linux-gnu",
}

// defaults are the folders in which a dynamic loader looks by itself: glibc's of
// Debian and Ubuntu, those of others, musl's, and the loader's own, which is
// where Nix has its glibc look.
func defaults(m elf.Machine, loader string) (folders []string) {
	if t, ok := triples[m]; ok {
		folders = append(folders, "/lib/"+t, "/usr/lib/"+t)
	}
	return append(folders, "/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib", filepath.Dir(loader))
}

// Program is the ELF program at path on this machine, as at in the archive, with
// all that it needs to be run there: of a dynamically linked one the loader
// (PT_INTERP) and the libraries (DT_NEEDED, and theirs), each where the loader
// looks for it. ld.so(8) says where that is: DT_RPATH or DT_RUNPATH, in which
// $ORIGIN is the object's own folder, then the loader's defaults. Its cache and
// LD_LIBRARY_PATH are not there in the archive, and are not asked here.
//
// What a program opens by itself while it runs (dlopen) is not found.
func Program(path, at string) ([]Entry, error) {
	o, err := readObject(path)
	if err != nil {
		return nil, patherr.At(path, err)
	}
	p := &program{machine: o.machine, class: o.class, loaded: map[string]bool{}, placed: map[string]bool{}}
	o.at = filepath.Join("/", at)
	// The loader takes a program's $ORIGIN from its path without links.
	if o.here, err = filepath.EvalSymlinks(path); err != nil {
		o.here = path
	}
	if err := p.place(path, o.at); err != nil || o.loader == "" {
		return p.found, err
	}
	if !filepath.IsAbs(o.loader) {
		return nil, fmt.Errorf("%s: its loader %q is not an absolute path", path, o.loader)
	}
	loader, err := readObject(o.loader)
	if err != nil {
		return nil, fmt.Errorf("%s: its loader: %w", path, patherr.At(o.loader, err))
	}
	if err := p.place(o.loader, o.loader); err != nil {
		return nil, err
	}
	p.loaded[loader.soname] = true
	p.defaults = defaults(o.machine, o.loader)
	p.system = filepath.Dir(o.loader)
	for _, d := range p.defaults {
		if libc, err := readObject(filepath.Join(d, "libc.so.6")); err == nil && libc.machine == o.machine && libc.class == o.class {
			p.system = d
			break
		}
	}
	// Breadth first, as the loader goes: the first that asks for a name decides
	// where it is looked up.
	for queue := []*object{o}; len(queue) > 0; queue = queue[1:] {
		for _, name := range queue[0].needed {
			if p.loaded[name] {
				continue
			}
			p.loaded[name] = true
			if len(p.loaded) > maxLibraries {
				return nil, fmt.Errorf("%s: needs more than %d libraries", path, maxLibraries)
			}
			library, err := p.library(queue[0], name)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			queue = append(queue, library)
		}
	}
	return p.found, nil
}

// program is what has been found of one.
type program struct {
	machine  elf.Machine
	class    elf.Class
	defaults []string        // folders in which the loader looks by itself
	system   string          // that of them which has the C library
	loaded   map[string]bool // names of libraries
	placed   map[string]bool // paths in the archive
	found    []Entry
}

// place has the file at the path here come to a path in the archive.
func (p *program) place(here, at string) error {
	if p.placed[at] {
		return nil
	}
	e, err := File(at, 0o755, here)
	if err != nil {
		return err
	}
	p.placed[at] = true
	p.found = append(p.found, e)
	return nil
}

// library finds and places what an object needs under that name.
func (p *program) library(by *object, name string) (*object, error) {
	if strings.Contains(name, "/") { // a path, which is not looked up
		return nil, fmt.Errorf("%s needs the library %q by its path: build the program with CGO_ENABLED=0, then it needs none", by.here, name)
	}
	folders := by.folders(p.system)
	for _, d := range p.defaults {
		folders = append(folders, folder{d, d})
	}
	var looked []string
	for _, f := range folders {
		here := filepath.Join(f.here, name)
		o, err := readObject(here)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
			looked = append(looked, f.here)
			continue
		}
		if err != nil {
			return nil, patherr.At(here, err)
		}
		if o.machine != p.machine || o.class != p.class {
			continue // the loader too passes over another processor's
		}
		o.by, o.here, o.at = by, here, filepath.Join("/", f.at, name)
		return o, p.place(o.here, o.at)
	}
	slices.Sort(looked)
	return nil, fmt.Errorf("%s needs the library %s, which is in none of %s: build the program with CGO_ENABLED=0, then it needs none", by.here, name, strings.Join(slices.Compact(looked), " "))
}
