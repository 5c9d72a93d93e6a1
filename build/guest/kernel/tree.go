package kernel

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
)

const (
	maxList    = 64 << 20 // bytes of one of depmod's lists
	maxFolders = 20_000   // of a module tree
	maxDepth   = 16       // of folders in it
)

// tree is a folder lib/modules/VERSION: which modules there are, and what depmod
// and the kernel's build have written about them. All names are moduleName's.
type tree struct {
	root root
	dir  string // in it

	files   map[string]string   // the module's file, from dir
	depends map[string][]string // modules.dep, in the order of loading; nil: there is none
	soft    map[string][]string // modules.softdep; nil: there is none
	aliases map[string][]string // modules.alias; nil: there is none
	builtin map[string]bool     // modules and their aliases that the kernel has in it
	// said tells whether anything says what is built in.
	said bool
}

// openTree reads the lists of a module tree. Dir is one, or holds one.
func openTree(r root, dir, version string) (*tree, error) {
	dir, err := findTree(r, dir, version)
	if err != nil {
		return nil, err
	}
	t := &tree{root: r, dir: dir, builtin: map[string]bool{}}
	dep, err := t.list("modules.dep")
	if err != nil {
		return nil, err
	}
	if dep != nil {
		t.files, t.depends = parseDep(dep)
	} else if err := t.walk(); err != nil {
		return nil, err
	}
	softdep, err := t.list("modules.softdep")
	if err != nil {
		return nil, err
	}
	if softdep != nil {
		t.soft = parseSoftdep(softdep)
	}
	alias, err := t.list("modules.alias")
	if err != nil {
		return nil, err
	}
	if alias != nil {
		t.aliases = parseAlias(alias)
	}
	builtin, err := t.list("modules.builtin")
	if err != nil {
		return nil, err
	}
	for line := range bytes.Lines(builtin) {
		if name, _, ok := fileName(string(bytes.TrimSpace(line))); ok {
			t.builtin[name] = true
		}
	}
	info, err := t.list("modules.builtin.modinfo")
	if err != nil {
		return nil, err
	}
	parseBuiltin(info, t.builtin)
	t.said = builtin != nil || info != nil
	return t, nil
}

// list is one of the files beside the modules; nil: it is not there.
func (t *tree) list(name string) ([]byte, error) {
	return t.root.read(path.Join(t.dir, name), maxList)
}

// findTree is the module tree that dir is or that lies in it: as lib/modules/VERSION,
// there or below usr or a NixOS system's kernel-modules, or as VERSION. Of several it is that of the given version.
func findTree(r root, dir, version string) (string, error) {
	names, err := r.list(dir)
	if err != nil {
		return "", err
	}
	if isTree(r, dir, names) {
		return dir, nil
	}
	for _, sub := range []string{"lib/modules", "usr/lib/modules", "kernel-modules/lib/modules", "."} {
		in := path.Join(dir, sub)
		names, err := r.list(in)
		if err != nil {
			continue
		}
		var trees []string
		for _, name := range names {
			if below, err := r.list(path.Join(in, name)); err == nil && isTree(r, path.Join(in, name), below) {
				trees = append(trees, name)
			}
		}
		switch {
		case slices.Contains(trees, version):
			return path.Join(in, version), nil
		case len(trees) == 1:
			return path.Join(in, trees[0]), nil
		case len(trees) > 1 && version != "":
			return "", fmt.Errorf("%s: has the modules of %s, but not those of %s", r.on(in), strings.Join(trees, " "), version)
		case len(trees) > 1:
			return "", fmt.Errorf("%s: has the modules of several kernels, %s: name the folder of one", r.on(in), strings.Join(trees, " "))
		}
	}
	return "", fmt.Errorf("%s: holds no kernel modules: it has neither modules.dep nor modules.order nor a folder kernel", r.on(dir))
}

// isTree tells a module tree by the names that lie in it. In a NixOS system
// kernel is a file.
func isTree(r root, dir string, names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		return name == "modules.dep" || name == "modules.order" || name == "modules.builtin" || name == "kernel" && r.isFolder(path.Join(dir, name))
	})
}

// walk finds the files of all modules, as depmod does: build and source are
// links to what the kernel was built from.
func (t *tree) walk() error {
	t.files = map[string]string{}
	type folder struct {
		path  string
		depth int
	}
	queue := []folder{{"", 0}}
	for n := 0; n < len(queue); n++ {
		if n == maxFolders {
			return fmt.Errorf("%s: has more than %d folders", t.root.on(t.dir), maxFolders)
		}
		at := queue[n]
		names, err := t.root.list(path.Join(t.dir, at.path))
		if err != nil {
			return err
		}
		for _, name := range names {
			p := path.Join(at.path, name)
			if module, _, ok := fileName(name); ok {
				// The one in updates is meant to replace the kernel's own.
				if old, twice := t.files[module]; !twice || strings.HasPrefix(p, "updates/") && !strings.HasPrefix(old, "updates/") {
					t.files[module] = p
				}
				continue
			}
			if at.path == "" && (name == "build" || name == "source") || at.depth == maxDepth || !t.root.isFolder(path.Join(t.dir, p)) {
				continue
			}
			queue = append(queue, folder{p, at.depth + 1})
		}
	}
	return nil
}

// parseDep reads modules.dep(5): a module's file and the files of all that it
// needs, the last of which is loaded first.
func parseDep(b []byte) (files map[string]string, depends map[string][]string) {
	files, depends = map[string]string{}, map[string][]string{}
	for line := range bytes.Lines(b) {
		file, rest, ok := strings.Cut(string(line), ":")
		name, _, module := fileName(file)
		if !ok || !module {
			continue
		}
		files[name] = file
		needs := []string{}
		for _, other := range strings.Fields(rest) {
			if name, _, ok := fileName(other); ok {
				needs = append(needs, name)
			}
		}
		slices.Reverse(needs)
		depends[name] = needs
	}
	return files, depends
}

// parseSoftdep reads modules.softdep, whose lines are those of modprobe.d(5).
func parseSoftdep(b []byte) map[string][]string {
	soft := map[string][]string{}
	for line := range bytes.Lines(b) {
		word, rest, _ := strings.Cut(strings.TrimSpace(string(line)), " ")
		name, names, _ := strings.Cut(rest, " ")
		if word == "softdep" && name != "" {
			soft[moduleName(name)] = append(soft[moduleName(name)], before(names)...)
		}
	}
	return soft
}

// parseAlias reads modules.alias. Patterns, which are those of devices, are kept
// as they are and match nothing here.
func parseAlias(b []byte) map[string][]string {
	aliases := map[string][]string{}
	for line := range bytes.Lines(b) {
		f := bytes.Fields(line)
		if len(f) == 3 && string(f[0]) == "alias" && !bytes.ContainsAny(f[1], "*?[") {
			alias := moduleName(string(f[1]))
			aliases[alias] = append(aliases[alias], moduleName(string(f[2])))
		}
	}
	return aliases
}

// parseBuiltin reads modules.builtin.modinfo, which is .modinfo with a module's
// name and a dot before each tag, and adds those modules and their aliases.
func parseBuiltin(b []byte, to map[string]bool) {
	for line := range bytes.SplitSeq(b, []byte{0}) {
		key, value, _ := strings.Cut(string(line), "=")
		name, tag, ok := strings.Cut(key, ".")
		if !ok || name == "" {
			continue
		}
		to[moduleName(name)] = true
		if tag == "alias" && !strings.ContainsAny(value, "*?[") {
			to[moduleName(value)] = true
		}
	}
}

// scanned are the folders of modules whose aliases are names of algorithms,
// which soft dependencies ask for.
var scanned = []string{"kernel/crypto/", "kernel/arch/", "kernel/lib/"}

// scan reads the aliases from the modules themselves, where no modules.alias
// tells them.
func (t *tree) scan(ctx context.Context) error {
	t.aliases = map[string][]string{}
	var names []string
	for name, file := range t.files {
		if slices.ContainsFunc(scanned, func(dir string) bool { return strings.HasPrefix(file, dir) }) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		info, err := t.modinfo(ctx, name)
		if err != nil {
			return err
		}
		for _, alias := range info.aliases {
			t.aliases[alias] = append(t.aliases[alias], name)
		}
	}
	return nil
}
