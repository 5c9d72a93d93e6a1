package installers

import (
	"embed"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/build/guest/initramfs"
	"github.com/reprodisk/reprodisk/internal/judge"
)

// The scripts, as paths in the system. Each installs onto /dev/vda, of which the
// filesystems are mounted, and writes a menu whose entry starts /boot/vmlinuz
// with "console=ttyS0 panic=-1 no_timer_check from=LAYOUT". LAYOUT is the
// script's argument, or what stands here.
const (
	GRUB        = "/install-grub-bios"    // for BIOS, below /boot/grub; legacy
	GRUBHybrid  = "/install-grub-hybrid"  // for BIOS and for EFI, where /boot is the ESP; hybrid
	SystemdBoot = "/install-systemd-boot" // where /boot is the ESP; efi
)

//go:embed install-*
var scripts embed.FS

// text are the files that the system needs besides programs.
var text = map[string]string{
	"etc/os-release": "ID=starter\nNAME=Starter\nPRETTY_NAME=\"A system that starts\"\nVERSION_ID=1\n",
	"etc/passwd":     "root:x:0:0::/root:/bin/sh\nalice:x:1000:100::/home/alice:/bin/sh\n",
	"etc/group":      "root:x:0:\ntty:x:5:\nusers:x:100:alice\n",
}

// applets are what busybox is in the system.
var applets = []string{"cat", "chmod", "cp", "dd", "dirname", "echo", "false", "find", "grep", "head", "id", "ln", "ls", "mkdir", "mv", "readlink", "rm", "sed", "sh", "sleep", "sync", "tail", "test", "touch", "true", "uname", "wc"}

// Root makes the system's root folder, which must not be there yet.
func Root(t testing.TB, dir string) {
	t.Helper()
	bootctl := judge.Given(t, judge.BootctlVariable)
	judge.File(t, "/usr/lib/x86_64-linux-gnu/systemd/libsystemd-shared-252.so")
	programs := map[string]string{"/bin/busybox": judge.Tool(t, "busybox"), "/usr/bin/bootctl": bootctl}
	for _, name := range []string{"grub-install", "grub-probe", "grub-mkimage", "grub-mkrelpath"} {
		programs["/usr/bin/"+name] = judge.Tool(t, name)
	}
	programs["/usr/lib/grub/i386-pc/grub-bios-setup"] = judge.File(t, "/usr/lib/grub/i386-pc/grub-bios-setup")
	for at, here := range programs {
		entries, err := initramfs.Program(here, at)
		must(t, err)
		for _, e := range entries {
			place(t, filepath.Join(dir, e.Name), e)
		}
	}
	for _, name := range applets {
		must(t, os.Symlink("busybox", filepath.Join(dir, "bin", name)))
	}
	for _, folder := range []string{"/usr/lib/grub/i386-pc", "/usr/lib/grub/x86_64-efi"} {
		copyFiles(t, filepath.Join(dir, folder), judge.File(t, folder))
	}
	const stub = "/usr/lib/systemd/boot/efi/systemd-bootx64.efi"
	copyFile(t, filepath.Join(dir, stub), judge.File(t, stub))

	for _, folder := range []string{"boot", "dev", "etc", "home/alice", "proc", "root", "run", "sys", "tmp", "usr/share/locale", "var"} {
		must(t, os.MkdirAll(filepath.Join(dir, folder), 0o755))
	}
	for name, content := range text {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644))
	}
	for _, script := range []string{GRUB, GRUBHybrid, SystemdBoot} {
		b, err := scripts.ReadFile(strings.TrimPrefix(script, "/"))
		must(t, err)
		must(t, os.WriteFile(filepath.Join(dir, script), b, 0o755))
	}
}

// place puts a program or a library into the system, once.
func place(t testing.TB, path string, e initramfs.Entry) {
	t.Helper()
	if _, err := os.Lstat(path); err == nil {
		return
	}
	from, err := e.Open()
	must(t, err)
	defer from.Close()
	write(t, path, from, os.FileMode(e.Mode&0o777))
}

// copyFiles copies the files of a folder, but not the folders in it.
func copyFiles(t testing.TB, to, from string) {
	t.Helper()
	entries, err := os.ReadDir(from)
	must(t, err)
	for _, e := range entries {
		if e.Type().IsRegular() && e.Name() != "grub-bios-setup" {
			copyFile(t, filepath.Join(to, e.Name()), filepath.Join(from, e.Name()))
		}
	}
}

func copyFile(t testing.TB, to, from string) {
	t.Helper()
	f, err := os.Open(from)
	must(t, err)
	defer f.Close()
	write(t, to, f, 0o644)
}

func write(t testing.TB, path string, from io.Reader, permissions os.FileMode) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, permissions)
	must(t, err)
	_, err = io.Copy(f, from)
	must(t, err)
	must(t, f.Close())
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
