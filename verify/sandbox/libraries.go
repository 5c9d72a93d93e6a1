package sandbox

import (
	"debug/elf"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ownLibraries are the dynamic loader and the libraries that this program runs
// with, if it is linked to any: exec has to start where only inputs are visible.
func ownLibraries() []string {
	f, err := elf.Open("/proc/self/exe")
	if err != nil {
		return nil
	}
	defer f.Close()
	var found []string
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP && p.Filesz < 4096 {
			b := make([]byte, p.Filesz)
			if _, err := p.ReadAt(b, 0); err == nil {
				found = append(found, strings.TrimRight(string(b), "\x00"))
			}
		}
	}
	if found == nil {
		return nil // static
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return found
	}
	return append(found, mappedLibraries(string(maps))...)
}

// mappedLibraries are the shared objects in a /proc/PID/maps, proc_pid_maps(5).
func mappedLibraries(maps string) (found []string) {
	for line := range strings.Lines(maps) {
		i := strings.IndexByte(line, '/')
		if i < 0 {
			continue
		}
		p := strings.TrimRight(line[i:], "\n")
		if strings.Contains(filepath.Base(p), ".so") && filepath.Clean(p) == p && !slices.Contains(found, p) {
			found = append(found, p)
		}
	}
	return found
}
