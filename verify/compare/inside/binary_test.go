package inside

import (
	"bytes"
	"encoding/binary"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/report"
)

// link makes an ELF executable, and returns its path.
func link(t *testing.T, dir, name, code string, args ...string) string {
	t.Helper()
	in(t, dir, code, "as", "-o", "x.o", "-")
	in(t, dir, "", "ld", append([]string{"-e", "start", "-o", name, "x.o"}, args...)...)
	return filepath.Join(dir, name)
}

// program is an executable that no machine has to run.
const program = ".globl start\nstart: .byte 42\n.section .comment\n.asciz \"as\"\n"

func TestELFBuildID(t *testing.T) {
	dir := t.TempDir()
	a := file(t, link(t, dir, "a", program, "--build-id=uuid"))
	b := file(t, link(t, dir, "b", program, "--build-id=uuid"))
	wantRoots(t, explain(t, "/bin/x", a, b), "ELF", report.Random, ".note.gnu.build-id build id")

	a = file(t, link(t, dir, "a", program, "--build-id=sha1"))
	b = file(t, link(t, dir, "b", strings.Replace(program, "42", "43", 1), "--build-id=sha1"))
	x := explain(t, "/bin/x", a, b)
	wantRoots(t, x, "ELF", report.Content, ".text content")
	if last := x.Fields[len(x.Fields)-1]; !last.Derived || last.Name != "build id" || len(last.A) != 40 {
		t.Errorf("%+v", last)
	}
}

func TestELFComment(t *testing.T) {
	dir := t.TempDir()
	path := link(t, dir, "a", program)
	write(t, filepath.Join(dir, "c"), "GCC: (another) 1.2.3\x00")
	in(t, dir, "", "objcopy", "--update-section", ".comment=c", "a", "b")
	in(t, dir, "", "objcopy", "a", "a2")
	x := explain(t, "/bin/x", file(t, path+"2"), file(t, filepath.Join(dir, "b")))
	if x.Cause != report.Environment || x.Fields[len(x.Fields)-1].B != "GCC: (another) 1.2.3" {
		t.Errorf("%+v", x)
	}
}

// uki makes a PE with the sections of a unified kernel image.
func uki(t *testing.T, sections ...string) []byte {
	t.Helper()
	dir := t.TempDir()
	in(t, dir, program, "as", "-o", "x.o", "-")
	in(t, dir, "", "ld", "-s", "-m", "i386pep", "--no-insert-timestamp", "--entry=start", "x.o", "-o", "x.efi")
	args := []string{}
	for i := 0; i < len(sections); i += 2 {
		write(t, filepath.Join(dir, sections[i]), sections[i+1])
		args = append(args, "--add-section", sections[i]+"="+sections[i], "--change-section-vma", sections[i]+"=0x"+string(rune('2'+i/2))+"00000000")
	}
	in(t, dir, "", "objcopy", append(args, "--preserve-dates", "x.efi", "y.efi")...)
	b := file(t, filepath.Join(dir, "y.efi"))
	// objcopy puts in the time.
	at := binary.LittleEndian.Uint32(b[60:])
	binary.LittleEndian.PutUint32(b[at+8:], 1_700_000_000)
	return b
}

func TestPETimeDateStamp(t *testing.T) {
	a := uki(t)
	b := bytes.Clone(a)
	at := binary.LittleEndian.Uint32(b[60:])
	binary.LittleEndian.PutUint32(b[at+8:], 1_700_000_027)
	b[at+24+64]++ // CheckSum
	x := explain(t, "/boot/EFI/x.efi", a, b)
	wantRoots(t, x, "PE", report.Time, "COFF header TimeDateStamp")
	if len(x.Fields) != 2 || x.Fields[1].Name != "CheckSum" || !x.Fields[1].Derived {
		t.Errorf("%+v", x.Fields)
	}
}

func TestUKISections(t *testing.T) {
	a := uki(t, ".osrel", "ID=x\n", ".cmdline", "root=/dev/vda\nmachine=01234567-89ab-cdef-0123-456789abcdef\n", ".linux", "kernel")
	b := uki(t, ".osrel", "ID=x\n", ".cmdline", "root=/dev/vda\nmachine=c9f5b1d2-7c3e-4a68-b21d-0e9f5a7d3c16\n", ".linux", "kernel")
	x := explain(t, "/boot/EFI/Linux/x.efi", a, b)
	wantRoots(t, x, "PE (unified kernel image)", report.Random, ".cmdline line 2")
	if !strings.Contains(x.Diff, "+++ b/.cmdline\n") {
		t.Errorf("diff %q", x.Diff)
	}
	b = uki(t, ".osrel", "ID=x\n", ".linux", "kernel")
	x = explain(t, "/boot/EFI/Linux/x.efi", a, b)
	wantRoots(t, x, "PE (unified kernel image)", report.Content, ".cmdline entry")
	// Bytes behind the sections, which nothing claims, are not swallowed.
	x = explain(t, "/boot/EFI/Linux/x.efi", a, append(bytes.Clone(a), "trailer"...))
	wantRoots(t, x, "PE (unified kernel image)", report.Content, "bytes between the sections")
}

func chunk(kind, data string) string {
	return string(binary.BigEndian.AppendUint32(nil, uint32(len(data)))) + kind + data + "CRC" + kind[:1]
}

func TestPNGTime(t *testing.T) {
	with := func(sec string) []byte {
		return []byte(pngMagic + chunk("IHDR", "x") + chunk("tIME", "\x07\xe8\x01\x02\x03\x04"+sec) + chunk("IEND", ""))
	}
	x := explain(t, "/x.png", with("\x05"), with("\x06"))
	wantRoots(t, x, "PNG", report.Time, "tIME")
	if x.Fields[0].A != "2024-01-02T03:04:05Z" {
		t.Errorf("%+v", x.Fields)
	}
}

func TestPycSourceTime(t *testing.T) {
	pyc := func(mtime byte, code string) []byte {
		return append([]byte{0xa7, 0x0d, '\r', '\n', 0, 0, 0, 0, mtime, 0, 0, 0x65, 9, 0, 0, 0}, code...)
	}
	x := explain(t, "/usr/lib/__pycache__/x.cpython-311.pyc", pyc(1, "code"), pyc(2, "code"))
	wantRoots(t, x, "Python bytecode", report.Time, "source mtime")
	x = explain(t, "/usr/lib/__pycache__/x.cpython-311.pyc", pyc(1, "code"), pyc(2, "kode"))
	wantRoots(t, x, "Python bytecode", report.Content, "source mtime", "code")
}
