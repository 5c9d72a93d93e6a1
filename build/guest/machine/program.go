package machine

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
)

// usual are folders of programs that need not be on PATH: administrators', and
// those of Nix.
var usual = []string{
	"/usr/bin", "/usr/local/bin", "/usr/libexec", "/run/current-system/sw/bin", "/nix/var/nix/profiles/default/bin",
}

// debian maps an architecture to the package of its QEMU.
var debian = map[string]string{"x86_64": "qemu-system-x86", "aarch64": "qemu-system-arm"}

// findQEMU finds the program of an architecture's machine.
func findQEMU(arch string) (string, error) {
	name := "qemu-system-" + arch
	if p, ok := find(name); ok {
		return p, nil
	}
	if p, ok := find("qemu-kvm"); ok && arch == arches[""] { // Red Hat's only one
		return p, nil
	}
	return "", &MissingError{Program: name, Debian: debian[arch], Nix: "qemu"}
}

// absolute is a program's path from any folder.
func absolute(name string) (string, error) {
	p, err := exec.LookPath(name)
	if err == nil || errors.Is(err, exec.ErrDot) {
		p, err = filepath.Abs(p)
	}
	return p, err
}

// find finds a program on PATH or in the usual places.
func find(name string) (string, bool) {
	if p, err := absolute(name); err == nil {
		return p, true
	}
	home, _ := os.UserHomeDir()
	for _, dir := range append([]string{filepath.Join(home, ".nix-profile/bin")}, usual...) {
		p := filepath.Join(dir, name)
		if fi, err := os.Stat(p); err == nil && fi.Mode().IsRegular() && fi.Mode()&0o111 != 0 {
			return p, true
		}
	}
	return "", false
}
