package guest

import (
	"context"
	"errors"
	"fmt"

	"github.com/reprodisk/reprodisk/build/guest/kernel"
	"github.com/reprodisk/reprodisk/build/guest/machine"
)

// Finding is one thing that a guest wants of this machine.
type Finding struct {
	Name   string
	Works  bool
	Tried  bool   // Works is what was seen, and not a guess
	Detail string // what there is, or why not; one line
	Remedy string // what to do about it; empty: nothing
}

// Probe tells what guests can run here that are told nothing: which QEMU there
// is, whether this machine's own kernel comes up under KVM, and user-mode Linux.
// It fails where ctx ends.
func Probe(ctx context.Context) ([]Finding, error) {
	k, kerr := kernel.Find(kernel.Where{})
	s, err := machine.Probe(ctx, machine.Config{Kernel: k.Path})
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	qemu := Finding{Name: "QEMU", Works: err == nil, Tried: true, Detail: fmt.Sprintf("%s, %s", s.Program, s.Version)}
	var missing *machine.MissingError
	switch {
	case errors.As(err, &missing):
		qemu.Detail, qemu.Remedy = "is missing: no guest but user-mode Linux", "apt-get install "+missing.Debian+", or nixpkgs#"+missing.Nix
	case err != nil:
		qemu.Detail = err.Error()
	}
	kvm := Finding{Name: "KVM", Works: s.KVM, Tried: s.Tried || !s.KVM, Detail: s.Why}
	switch {
	case s.KVM && s.Tried:
		kvm.Detail = "a kernel comes up under it"
	case s.KVM:
		kvm.Detail = "/dev/kvm opens; whether a kernel comes up under it was not tried, as there is none"
	default:
		kvm.Remedy = "guests run without it, emulated and slower (QEMU's TCG)"
	}
	linux := Finding{Name: "guest kernel", Works: kerr == nil, Tried: true, Detail: fmt.Sprintf("%s, %s", k.Path, k.Version)}
	if kerr != nil {
		linux.Detail, linux.Remedy = "there is none of this machine's", "apt-get install linux-image-cloud-amd64, or name one with vm.kernel; a NixOS brings its own"
	}
	uml := Finding{Name: "user-mode Linux", Works: s.UML != "", Tried: true, Detail: s.UML}
	if s.UML == "" {
		uml.Detail, uml.Remedy = "is missing: vm.engine: uml", "apt-get install user-mode-linux"
	}
	return []Finding{qemu, kvm, linux, uml}, nil
}
