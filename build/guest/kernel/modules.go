package kernel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/reprodisk/reprodisk/internal/patherr"
	"github.com/reprodisk/reprodisk/internal/unpack"
)

const (
	maxModule  = 64 << 20 // bytes of a module, unpacked
	maxModules = 1024     // that are loaded
)

// Module is one module's file, unpacked.
type Module struct {
	Name string // as /proc/modules has it, with _ for -
	File string // its name without a folder and without what says how it was packed: "virtio-rng.ko"
	Path string // of the file that it is from, on this machine
	Size int64  // of the content, in bytes
	// Open gives the content. The end of the context that the module was found
	// with ends it with an error.
	Open func() (io.ReadCloser, error)
}

// Want is a module that is wanted, by its name as modprobe takes it: - and _ are
// the same.
type Want struct {
	Name string
	// Optional modules are left out where they, or anything that they need, are
	// not there.
	Optional bool
}

// MissingModuleError is about a module that is neither there nor built in.
type MissingModuleError struct {
	Module  string
	By      string // the module that needs it; empty: it was asked for
	Folder  string // in which it was looked for; empty: there is none
	Version string // of the kernel, where it is known
	Unsaid  bool   // the folder does not say what is built in
}

func (e *MissingModuleError) Error() string {
	what := "the kernel module " + e.Module
	if e.By != "" {
		what += ", which " + e.By + " needs,"
	}
	const take = "take a kernel that has it, such as that of Debian's linux-image-cloud-amd64 or NixOS's linuxPackages.kernel"
	switch {
	case e.Folder == "":
		return fmt.Sprintf("%s cannot be looked for: there are no modules of the kernel %s; name their folder, lib/modules/%s", what, e.Version, e.Version)
	case e.Unsaid:
		return fmt.Sprintf("%s is not in %s, where no modules.builtin says that the kernel has it in it: %s", what, e.Folder, take)
	}
	return fmt.Sprintf("%s is neither in %s nor built into that kernel: %s", what, e.Folder, take)
}

// Modules are the wanted modules and all that those need, each once, in the
// order in which they have to be loaded. Dir is a folder lib/modules/VERSION,
// or one that holds exactly one such. What the kernel has built in is left out;
// a wanted module that is not there either is a *MissingModuleError.
func Modules(ctx context.Context, dir string, want []Want) ([]Module, error) {
	r, in, err := root("").split(dir)
	if err != nil {
		return nil, err
	}
	return modules(ctx, r, in, "", want)
}

// Modules is the function of that name for the kernel's own folder.
func (k Kernel) Modules(ctx context.Context, want []Want) ([]Module, error) {
	if k.Folder != "" {
		return modules(ctx, k.modules, k.folder, k.Version, want)
	}
	for _, w := range want {
		if !w.Optional {
			return nil, &MissingModuleError{Module: w.Name, Version: k.Version}
		}
	}
	return nil, nil
}

func modules(ctx context.Context, r root, dir, version string, want []Want) ([]Module, error) {
	t, err := openTree(r, dir, version)
	if err != nil {
		return nil, err
	}
	o := &order{tree: t, done: map[string]bool{}}
	for _, w := range want {
		add := o.add
		if w.Optional {
			add = o.try
		}
		if err := add(ctx, moduleName(w.Name), ""); err != nil {
			return nil, err
		}
	}
	return o.found, nil
}

// order puts modules behind what they need.
type order struct {
	tree  *tree
	done  map[string]bool // names that were looked up
	found []Module
}

// add looks up the name of a module, or an alias, and adds all that it stands for.
func (o *order) add(ctx context.Context, name, by string) error {
	if o.done[name] {
		return nil
	}
	o.done[name] = true
	if _, ok := o.tree.files[name]; ok {
		return o.module(ctx, name, by)
	}
	if o.tree.builtin[name] {
		return nil
	}
	names, err := o.tree.alias(ctx, name)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return o.missing(name, by)
	}
	for _, name := range names {
		if err := o.add(ctx, name, by); err != nil {
			return err
		}
	}
	return nil
}

func (o *order) missing(name, by string) error {
	return &MissingModuleError{Module: name, By: by, Folder: o.tree.root.on(o.tree.dir), Unsaid: !o.tree.said}
}

// try is add for what may be missing: then nothing is added.
func (o *order) try(ctx context.Context, name, by string) error {
	found, done := len(o.found), maps.Clone(o.done)
	err := o.add(ctx, name, by)
	var missing *MissingModuleError
	if errors.As(err, &missing) {
		o.found, o.done = o.found[:found], done
		return nil
	}
	return err
}

// alias are the modules that have that alias. Of the several that there are of
// an algorithm, one for each sort of processor, it is the generic one, which
// every processor can load: for what needs it, any will do.
func (t *tree) alias(ctx context.Context, name string) ([]string, error) {
	if t.aliases == nil {
		// Most often it is there under its own name: then not all have to be read.
		if generic := strings.TrimPrefix(name, "crypto_") + "_generic"; t.files[generic] != "" {
			info, err := t.modinfo(ctx, generic)
			if err != nil {
				return nil, err
			}
			if slices.Contains(info.aliases, name) {
				return []string{generic}, nil
			}
		}
		if err := t.scan(ctx); err != nil {
			return nil, err
		}
	}
	names := t.aliases[name]
	for _, name := range names {
		if strings.HasSuffix(name, "_generic") {
			return []string{name}, nil
		}
	}
	return names, nil
}

func (o *order) module(ctx context.Context, name, by string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t := o.tree
	info, err := t.modinfo(ctx, name)
	if errors.Is(err, os.ErrNotExist) { // modules.dep knows more than there is
		return o.missing(name, by)
	}
	if err != nil {
		return err
	}
	soft, depends := info.soft, info.depends
	if t.soft != nil {
		soft = t.soft[name]
	}
	if t.depends != nil {
		depends = t.depends[name]
	}
	for _, other := range soft {
		if err := o.try(ctx, other, name); err != nil {
			return err
		}
	}
	for _, other := range depends {
		if err := o.add(ctx, other, name); err != nil {
			return err
		}
	}
	if len(o.found) == maxModules {
		return fmt.Errorf("%s: more than %d modules would have to be loaded", t.root.on(t.dir), maxModules)
	}
	base := path.Base(t.files[name])
	_, suffix, _ := fileName(base)
	o.found = append(o.found, Module{
		Name: name, File: strings.TrimSuffix(base, suffix), Path: t.path(name), Size: info.size,
		Open: func() (io.ReadCloser, error) {
			u, err := t.open(ctx, name)
			if err != nil {
				return nil, err
			}
			return u.File, nil
		},
	})
	return nil
}

// modinfo is what the module of that name says of itself.
func (t *tree) modinfo(ctx context.Context, name string) (modinfo, error) {
	c, err := t.open(ctx, name)
	if err != nil {
		return modinfo{}, err
	}
	defer c.File.Close()
	info, err := readModinfo(c.File)
	if err != nil {
		return modinfo{}, patherr.At(t.path(name), err)
	}
	info.size = c.Size
	return info, nil
}

// path is that of a module's file on this machine.
func (t *tree) path(name string) string { return t.root.on(t.in(name)) }

// in is the path of a module's file in the root: modules.dep may hold absolute ones.
func (t *tree) in(name string) string {
	if file := t.files[name]; !path.IsAbs(file) {
		return path.Join(t.dir, file)
	}
	return t.files[name]
}

// content is a module's file, unpacked, to be closed by the caller.
type content struct {
	File *os.File
	Size int64 // bytes
}

func (t *tree) open(ctx context.Context, name string) (content, error) {
	f, size, err := t.root.open(t.in(name))
	if err != nil {
		return content{}, err
	}
	format, packed := map[string]unpack.Format{".xz": unpack.Xz, ".zst": unpack.Zstd, ".gz": unpack.Gzip}[packing(t.files[name])]
	if !packed {
		if size > maxModule {
			f.Close()
			return content{}, fmt.Errorf("%s: is larger than %d MiB", t.path(name), maxModule>>20)
		}
		return content{f, size}, nil
	}
	defer f.Close()
	u, err := unpack.Open(ctx, f, size, format, unpack.Options{Limit: maxModule})
	if err != nil {
		return content{}, patherr.At(t.path(name), err)
	}
	if _, err := u.File.Seek(0, io.SeekStart); err != nil {
		u.File.Close()
		return content{}, err
	}
	return content{u.File, u.Size}, nil
}

func packing(file string) string {
	_, suffix, _ := fileName(file)
	return suffix
}
