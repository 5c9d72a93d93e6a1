package machine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Status is what machines this host can run.
type Status struct {
	Program string // QEMU's path
	Version string // as it says itself
	// KVM tells that a guest comes up under KVM; where Tried is not set, that
	// was not tried, and KVM means that nothing is known to prevent it. Why says
	// why it is not set.
	KVM, Tried bool
	Why        string
	UML        string // the path of user-mode Linux; empty: there is none
}

// pvm is there where KVM is one for clouds without nested virtualization.
// Kernels that know nothing of it do not come up under it.
const pvm = "/sys/module/kvm_pvm"

// Probe tells what machines this host can run. It uses Program, Arch and
// Trial; where there is a Kernel, it is started under KVM without a disk. It
// fails with a *MissingError, with the rest of the status, where there is no QEMU.
func Probe(ctx context.Context, c Config) (s Status, err error) {
	s.UML, _ = findUML()
	kernel := c.Kernel
	c = Config{Program: c.Program, Arch: c.Arch, Trial: c.Trial, Kernel: "-", MemMiB: 256, Console: c.Console}
	if c, err = c.complete(); err != nil {
		return s, err
	}
	c.Kernel = kernel
	if s.Program, err = c.program(); err != nil {
		s.Why = "there is no QEMU"
		return s, err
	}
	if s.Version, err = version(ctx, s.Program); err != nil {
		return s, err
	}
	_, perr := os.Stat(pvm)
	switch s.Why = noKVM(c.Arch); {
	case s.Why != "":
		return s, nil
	case kernel != "":
		s.Tried = true
	case perr == nil:
		s.Why = "it is kvm_pvm, under which usual kernels do not come up"
		return s, nil
	default:
		s.KVM = true
		return s, nil
	}
	// Without a root filesystem a kernel that comes up panics.
	_, err = c.start(ctx, s.Program, KVM, c.Trial)
	var e *Error
	switch {
	case errors.As(err, &e) && e.Ending == Panicked:
		s.KVM = true
	case errors.As(err, &e):
		s.Why = e.Text
	case err != nil:
		return s, err
	}
	return s, nil
}

// version asks a QEMU for its version.
func version(ctx context.Context, program string) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, 20*time.Second, errors.New("no answer within 20 s"))
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "--version")
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return "", fmt.Errorf("guest: %s --version: %w", program, err)
	}
	first, _, _ := strings.Cut(string(out), "\n")
	return cut(clean(strings.TrimPrefix(first, "QEMU emulator version "))), nil
}
