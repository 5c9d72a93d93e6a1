package kernel

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// put writes a file, and the folders that it lies in.
func put(t testing.TB, path, content string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, []byte(content), 0o644))
}

// link makes a symbolic link, and the folders that it lies in.
func link(t testing.TB, target, path string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.Symlink(target, path))
}

// madeELF is a little-endian 64-bit ELF file with one section beside that of the
// names.
func madeELF(kind elf.Type, section, content, behind string) string {
	names := "\x00" + section + "\x00.shstrtab\x00"
	const header = 64
	at := uint64(header)
	sections := []elf.Section64{
		{},
		{Name: 1, Type: uint32(elf.SHT_PROGBITS), Off: at, Size: uint64(len(content))},
		{Name: uint32(len(section) + 2), Type: uint32(elf.SHT_STRTAB), Off: at + uint64(len(content)), Size: uint64(len(names))},
	}
	var b bytes.Buffer
	put := func(v any) {
		if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
			panic(err)
		}
	}
	put(elf.Header64{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(kind), Machine: uint16(elf.EM_X86_64), Version: uint32(elf.EV_CURRENT), Ehsize: header,
		Shoff: at + uint64(len(content)+len(names)), Shentsize: 64, Shnum: uint16(len(sections)), Shstrndx: 2,
	})
	b.WriteString(content + names)
	put(sections)
	b.WriteString(behind)
	return b.String()
}

// madeModule is a module with those lines of .modinfo.
func madeModule(info ...string) string {
	return madeELF(elf.ET_REL, ".modinfo", strings.Join(append(info, "license=GPL"), "\x00")+"\x00", "")
}

// madeX86 is a bzImage without code.
func madeX86(version string) string {
	b := make([]byte, 8192)
	copy(b[x86HeaderAt:], x86Layout.Encode(&x86Header{
		SetupSects: 4, Syssize: (8192 - 5*512) / 16, BootFlag: x86BootFlag, Header: binary.LittleEndian.Uint32([]byte(x86Magic)), Version: 0x20f,
		KernelVersion: 0x500, Loadflags: x86LoadedHigh, Xloadflags: x86Kernel64,
	}))
	copy(b[0x700:], version+" (somebody@somewhere) #1 SMP\x00")
	return string(b)
}

// with is content with other bytes at that place.
func with(content string, at int, b string) string { return content[:at] + b + content[at+len(b):] }

// madeArm64 is an Image without code, whose banner lies far behind.
func madeArm64(version string) string {
	b := make([]byte, 3<<20)
	copy(b, "MZ")
	copy(b[arm64MagicAt:], arm64Magic)
	copy(b[4096:], "Linux version %s (%s)\x00")
	copy(b[1<<20-20:], "Linux version "+version+" (somebody@somewhere) #1 SMP\n\x00")
	return string(b)
}

// packed is what a tool makes of its input.
func packed(t testing.TB, content string, tool ...string) string {
	t.Helper()
	r := judge.RunInput(t, content, tool[0], tool[1:]...)
	if r.Status != 0 {
		t.Fatal(r.Stderr)
	}
	return r.Stdout
}
