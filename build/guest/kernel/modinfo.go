package kernel

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxModinfo is how long a module's .modinfo may be, in bytes.
const maxModinfo = 1 << 20

// modinfo is what a module says of itself.
type modinfo struct {
	depends []string // names of modules
	soft    []string // names or aliases that are loaded before it where they can be
	aliases []string
	size    int64 // of the module's file, unpacked, in bytes
}

// readModinfo reads the section .modinfo of a module, which holds one TAG=VALUE
// behind another, each with a NUL at its end (include/linux/moduleparam.h).
func readModinfo(r io.ReaderAt) (modinfo, error) {
	f, err := elf.NewFile(r)
	if err != nil {
		return modinfo{}, fmt.Errorf("is not a kernel module: %w", err)
	}
	s := f.Section(".modinfo")
	switch {
	case f.Type != elf.ET_REL || s == nil || s.Type != elf.SHT_PROGBITS:
		return modinfo{}, errors.New("is not a kernel module: it has no section .modinfo")
	case s.Flags&elf.SHF_COMPRESSED != 0:
		return modinfo{}, errors.New("is not a kernel module: its section .modinfo is compressed")
	case s.Size > maxModinfo:
		return modinfo{}, fmt.Errorf("has a section .modinfo of %d bytes", s.Size)
	}
	b := make([]byte, s.Size)
	if _, err := s.ReadAt(b, 0); err != nil {
		return modinfo{}, fmt.Errorf("its section .modinfo: %w", err)
	}
	return parseModinfo(b), nil
}

func parseModinfo(b []byte) (m modinfo) {
	for line := range bytes.SplitSeq(b, []byte{0}) {
		tag, value, _ := strings.Cut(string(line), "=")
		switch tag {
		case "depends":
			for name := range strings.SplitSeq(value, ",") {
				if name != "" {
					m.depends = append(m.depends, moduleName(name))
				}
			}
		case "softdep":
			m.soft = append(m.soft, before(value)...)
		case "alias":
			m.aliases = append(m.aliases, moduleName(value))
		}
	}
	return m
}

// before are the names behind "pre:" in a soft dependency, modprobe.d(5).
func before(softdep string) (names []string) {
	pre := false
	for _, word := range strings.Fields(softdep) {
		switch {
		case word == "pre:":
			pre = true
		case word == "post:":
			pre = false
		case pre:
			names = append(names, moduleName(word))
		}
	}
	return names
}

// moduleName is a name as it is compared: - and _ are the same.
func moduleName(name string) string { return strings.ReplaceAll(name, "-", "_") }

// fileName splits the path of a module's file: its name as a module, how the
// file is packed, and whether it is a module at all.
func fileName(path string) (name, suffix string, ok bool) {
	base := path[strings.LastIndexByte(path, '/')+1:]
	for _, suffix := range []string{"", ".xz", ".zst", ".gz"} {
		if name, ok := strings.CutSuffix(base, ".ko"+suffix); ok && name != "" {
			return moduleName(name), suffix, true
		}
	}
	return "", "", false
}
