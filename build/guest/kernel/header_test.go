package kernel

import (
	"debug/elf"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// madeUM is a program with one of user-mode Linux's sections.
func madeUM(version string) string {
	return madeELF(elf.ET_EXEC, ".uml.setup.init", "", "Linux version "+version+" (somebody) #1\n\x00")
}

func TestOpenTellsWhatAKernelIs(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct {
		content string
		want    Kernel
	}{
		"bzImage":  {madeX86("6.1.0-49-cloud-amd64"), Kernel{Arch: X86_64, Version: "6.1.0-49-cloud-amd64"}},
		"older":    {with(madeX86("3.2.0-4-686-pae"), 0x206, "\x0b\x02"), Kernel{Arch: I386, Version: "3.2.0-4-686-pae"}}, // xloadflags are not there yet
		"32 bits":  {with(madeX86("6.1.0-686"), 0x236, "\x00\x00"), Kernel{Arch: I386, Version: "6.1.0-686"}},
		"Image":    {madeArm64("6.12.1-arm64+x~y_z"), Kernel{Arch: AArch64, Version: "6.12.1-arm64+x~y_z"}},
		"Image.gz": {packed(t, madeArm64("6.12.1"), "gzip", "-n"), Kernel{Arch: AArch64, Version: "6.12.1"}},
		"linux":    {madeUM("6.1.176"), Kernel{Arch: UM, Version: "6.1.176"}},
	} {
		put(t, dir+"/in/"+name, c.content)
		link(t, "in/"+name, dir+"/"+name)
		c.want.Path = dir + "/in/" + name
		if got, err := Open(dir + "/" + name); err != nil || got != c.want {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}

func TestOpenSaysWhatIsNoKernel(t *testing.T) {
	dir := t.TempDir()
	must(t, unix.Mkfifo(dir+"/pipe", 0o600))
	x86 := madeX86("6.1.0")
	for name, c := range map[string]struct{ content, want string }{
		"empty":     {"", "is not a Linux kernel: it is neither"},
		"text":      {strings.Repeat("text", 2000), "is not a Linux kernel: it is neither"},
		"cut":       {x86[:7000], "is a kernel that is cut off: it ends at byte 7000"},
		"cuthead":   {x86[:0x210], "is a kernel that is cut off: it ends at byte 528"},
		"flag":      {with(x86, 0x1fe, "\x00\x00"), "is a damaged kernel: its boot_flag is 0x0000"},
		"zImage":    {with(x86, 0x211, "\x00"), "is a zImage"},
		"silent":    {with(x86, 0x20e, "\x00\x00"), "does not say its version"},
		"behind":    {with(x86, 0x20e, "\x00\x08"), "does not say its version"},
		"path":      {madeX86("../../etc"), `version cannot be read: "../../etc`},
		"long":      {madeX86("6" + strings.Repeat(".1", 40)), "version cannot be read"},
		"Image":     {madeArm64("%s"), "does not say its version"},
		"gz":        {packed(t, x86, "gzip", "-n"), "what is in it is not an arm64 Image"},
		"cutgz":     {packed(t, madeArm64("6.1"), "gzip", "-n")[:1000], "gzip: unexpected EOF"},
		"zboot":     {"MZ\x00\x00zimg" + strings.Repeat("\x00", 100), "is an EFI zboot image"},
		"elf":       {madeELF(elf.ET_EXEC, ".text", "", ""), "is not a Linux kernel"},
		"vmlinux":   {madeELF(elf.ET_EXEC, "__ksymtab", "", ""), "is an unpacked kernel (vmlinux)"},
		"elfbroken": {"\x7fELF\x02\x01\x01", "is a damaged ELF file"},
		"pipe":      {"", "is not a regular file"},
		"none":      {"", "no such file or directory"},
	} {
		path := filepath.Join(dir, name)
		if name != "pipe" && name != "none" {
			put(t, path, c.content)
		}
		if _, err := Open(path); err == nil || !strings.HasPrefix(err.Error(), path+": ") || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
}

func TestOpenReadsARealKernel(t *testing.T) {
	path, modules := installedKernel(t)
	k, err := Open(path)
	must(t, err)
	if k.Arch != X86_64 {
		t.Errorf("it is for %s", k.Arch)
	}
	if _, err := os.Stat(filepath.Join(modules, k.Version)); err != nil {
		t.Errorf("%v: the version read is not that of its package", err)
	}
}

// FuzzKernel: whatever a file holds, it is told in one line what it is.
func FuzzKernel(f *testing.F) {
	for _, seed := range []string{madeX86("6.1.0-49-cloud-amd64"), madeArm64("6.1")[:5000], madeUM("6.1"), "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		k, err := decode(strings.NewReader(content), int64(len(content)))
		if err == nil && (k.Version == "" || strings.ContainsAny(k.Version, "/ \n")) {
			t.Errorf("the version is %q", k.Version)
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("more than a line: %q", err)
		}
	})
}
