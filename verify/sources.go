package verify

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/reprodisk/reprodisk/build/spec"
)

// sources lists the files and folders that a spec names, as absolute paths
// that exist. A glob stands for the folder that it is looked for in.
func sources(s *spec.Spec) []string {
	var paths []string
	for _, list := range [][]spec.Content{s.Contents, s.EspContents, s.BootContents} {
		for _, c := range list {
			path := c.Source
			if !filepath.IsAbs(path) {
				path = filepath.Join(c.Dir, path)
			}
			paths = append(paths, path)
		}
	}
	named := append([]string{s.ConfigFile, s.OVMF, s.EFIFirmware, s.EFIVariables, s.Registration, s.StoreRoot, s.Channel, s.System, s.VM.Kernel, s.VM.Modules}, s.AdditionalPaths...)
	if b := s.SystemdBoot; b != nil {
		named = append(named, b.EFI)
		for _, e := range b.Entries {
			named = append(append(named, e.Linux), e.Initrd...)
		}
	}
	if g := s.GRUB; g != nil {
		named = append(named, g.BootImg, g.CoreImg, g.ModulesDir, g.EFI, g.EFIModulesDir, g.Config)
	}
	for _, path := range named {
		if path != "" {
			paths = append(paths, s.Resolve(path))
		}
	}
	var out []string
	for _, path := range paths {
		if at := strings.IndexAny(path, "*?["); at >= 0 {
			path = filepath.Dir(path[:at] + "x")
		}
		abs, err := filepath.Abs(path)
		if err != nil {
			continue
		}
		if _, err := os.Stat(abs); err != nil || abs == "/" {
			continue // the build will say what is missing
		}
		out = append(out, abs)
		if real, err := filepath.EvalSymlinks(abs); err == nil && real != abs {
			out = append(out, real)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// outermost leaves out the paths that lie in others of the list.
func outermost(paths []string) []string {
	sorted := slices.Clone(paths)
	slices.Sort(sorted)
	var out []string
	for _, p := range sorted {
		in := func(dir string) bool { return p == dir || strings.HasPrefix(p, strings.TrimSuffix(dir, "/")+"/") }
		if !slices.ContainsFunc(out, in) {
			out = append(out, p)
		}
	}
	return out
}
