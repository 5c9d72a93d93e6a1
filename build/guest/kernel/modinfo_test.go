package kernel

import (
	"debug/elf"
	"slices"
	"strings"
	"testing"
)

func TestModinfoIsWhatTheModuleSays(t *testing.T) {
	m, err := readModinfo(strings.NewReader(madeModule("depends=mbcache,jbd2,crc-16", "softdep=pre: crypto-crc32c post: other pre: a", "alias=fs-ext4", "alias=", "novalue", "")))
	must(t, err)
	if !slices.Equal(m.depends, []string{"mbcache", "jbd2", "crc_16"}) || !slices.Equal(m.soft, []string{"crypto_crc32c", "a"}) || !slices.Equal(m.aliases, []string{"fs_ext4", ""}) {
		t.Errorf("got %+v", m)
	}
}

func TestModinfoRefusesWhatIsNoModule(t *testing.T) {
	module := madeModule("depends=")
	for name, c := range map[string]struct{ content, want string }{
		"empty":   {"", "is not a kernel module"},
		"text":    {"text", "is not a kernel module"},
		"program": {madeELF(elf.ET_EXEC, ".modinfo", "depends=\x00", ""), "has no section .modinfo"},
		"object":  {madeELF(elf.ET_REL, ".text", "", ""), "has no section .modinfo"},
		"large":   {madeELF(elf.ET_REL, ".modinfo", strings.Repeat("x", maxModinfo+1), ""), "has a section .modinfo of 1048577 bytes"},
		"cut":     {module[:len(module)-64], "is not a kernel module"},
	} {
		if _, err := readModinfo(strings.NewReader(c.content)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// FuzzModinfo: no module makes more of what it says than it holds.
func FuzzModinfo(f *testing.F) {
	f.Add(madeModule("depends=mbcache,jbd2", "softdep=pre: crypto-crc32c", "alias=fs-ext4"))
	f.Add(madeELF(elf.ET_REL, ".modinfo", "", ""))
	f.Fuzz(func(t *testing.T, content string) {
		m, err := readModinfo(strings.NewReader(content))
		if err == nil && len(m.depends)+len(m.soft)+len(m.aliases) > len(content) {
			t.Errorf("%d bytes say %+v", len(content), m)
		}
	})
}

// FuzzDep: the lists of depmod say nothing about modules that have no name.
func FuzzDep(f *testing.F) {
	f.Add("kernel/fs/fat/vfat.ko.xz: kernel/fs/fat/fat.ko.xz\nkernel/fs/fat/fat.ko.xz:\n")
	f.Add("softdep ext4 pre: crc32c post: x\nalias crc32c crc32c_generic\nalias pci:v*d* a\n# x\n")
	f.Add("ext4.alias=fs-ext4\x00ext4.file=fs/ext4/ext4\x00")
	f.Fuzz(func(t *testing.T, text string) {
		files, depends := parseDep([]byte(text))
		for name, needs := range depends {
			if name == "" || files[name] == "" || slices.Contains(needs, "") {
				t.Errorf("%q: %q needs %q", text, name, needs)
			}
		}
		for name := range parseSoftdep([]byte(text)) {
			if name == "" {
				t.Errorf("%q: a module without a name", text)
			}
		}
		parseAlias([]byte(text))
		parseBuiltin([]byte(text), map[string]bool{})
	})
}
