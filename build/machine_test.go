package build

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/reprodisk/reprodisk/internal/judge"
)

// initrd is an archive in cpio's format newc with the program in testdata/init
// as /init.
func initrd(t testing.TB) []byte {
	t.Helper()
	program := filepath.Join(t.TempDir(), "init")
	cmd := exec.Command("go", "build", "-o", program, "-trimpath", "-ldflags=-s -w", "./testdata/init")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	raw, err := os.ReadFile(program)
	must(t, err)
	var b bytes.Buffer
	add := func(name string, mode, size int) {
		// ino mode uid gid nlink mtime filesize and four numbers of devices,
		// namesize, check; each record and each file is filled up to 4 bytes.
		fmt.Fprintf(&b, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00", 0, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, len(name)+1, 0, name)
		b.Write(make([]byte, -b.Len()&3))
	}
	add("init", 0o100755, len(raw))
	b.Write(raw)
	b.Write(make([]byte, -b.Len()&3))
	add("TRAILER!!!", 0, 0)
	return b.Bytes()
}

// machine is one start of an image.
type machine struct {
	image     string
	efi       bool
	variables string // of the firmware; empty: OVMF's own, without boot options
	device    string // the disk; empty: virtio-blk-pci, for which most kernels need a module
}

// start runs the machine until it turns itself off, and returns what it said.
func (m machine) start(t testing.TB) string {
	t.Helper()
	serial := filepath.Join(t.TempDir(), "serial")
	if m.device == "" {
		m.device = "virtio-blk-pci"
	}
	args := []string{
		"-machine", "q35,accel=tcg", "-cpu", "max", "-m", "512", "-nodefaults", "-no-user-config", "-display", "none", "-vga", "std", "-no-reboot", "-snapshot",
		"-serial", "file:" + serial, "-drive", "if=none,id=d0,format=raw,file=" + m.image, "-device", m.device + ",drive=d0",
	}
	if m.efi {
		vars := filepath.Join(t.TempDir(), "vars.fd")
		if m.variables == "" {
			m.variables = judge.File(t, ovmfVars)
		}
		raw, err := os.ReadFile(m.variables)
		must(t, err)
		must(t, os.WriteFile(vars, raw, 0o600))
		args = append(args, "-drive", "if=pflash,format=raw,unit=0,readonly=on,file="+judge.File(t, "/usr/share/OVMF/OVMF_CODE_4M.fd"),
			"-drive", "if=pflash,format=raw,unit=1,snapshot=off,file="+vars)
	}
	// Long enough for any machine; a machine that stands still never ends.
	ctx, cancel := context.WithTimeout(context.Background(), 12*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, judge.Tool(t, "qemu-system-x86_64"), args...)
	out, err := cmd.CombinedOutput()
	said, _ := os.ReadFile(serial)
	if err != nil {
		t.Errorf("qemu: %v %s\n%s", err, out, tail(string(said)))
	}
	return string(said)
}

const ovmfVars = "/usr/share/OVMF/OVMF_VARS_4M.fd"

func tail(s string) string { return s[max(0, len(s)-3000):] }

// reaches holds what a machine said to the line of init's.
func reaches(t testing.TB, said, firmware, line string) {
	t.Helper()
	for _, want := range []string{"Linux version ", "REPRODISK: init runs, booted by " + firmware + " with ", line} {
		if !strings.Contains(said, want) {
			t.Errorf("without %q:\n%s", want, tail(said))
			return
		}
	}
}
