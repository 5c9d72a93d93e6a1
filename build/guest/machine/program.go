package machine

import (
	"errors"
	"os/exec"
	"path/filepath"

	"github.com/reprodisk/reprodisk/internal/program"
)

// look finds a program of the system.
var look = func(name string) (string, bool) { return program.Find(name, "/usr/libexec/"+name) }

// debian maps an architecture to the package of its QEMU.
var debian = map[string]string{"x86_64": "qemu-system-x86", "aarch64": "qemu-system-arm"}

// findQEMU finds the program of an architecture's machine.
func findQEMU(arch string) (string, error) {
	name := "qemu-system-" + arch
	if p, ok := look(name); ok {
		return p, nil
	}
	if p, ok := look("qemu-kvm"); ok && arch == arches[""] { // Red Hat's only one
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
