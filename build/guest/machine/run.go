package machine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/internal/patherr"
)

// Run runs a machine to its end. It fails with an *Error where the guest did
// not say that it is done, with a *MissingError where there is no QEMU, and with
// the context's cause where that ended; by then nothing of the machine is left.
func Run(ctx context.Context, c Config) (Report, error) {
	c, err := c.complete()
	if err != nil {
		return Report{}, err
	}
	if c.Engine == UML {
		if c.Kernel == "" {
			c.Kernel, err = findUML()
		} else if c.Kernel, err = absolute(c.Kernel); err != nil {
			err = fmt.Errorf("guest: kernel: %w", err)
		}
		if err != nil {
			return Report{}, err
		}
		return c.attempt(ctx, c.Start, func(h *hardware) (*command, error) { return c.uml(h) })
	}
	program, err := c.program()
	if err != nil {
		return Report{}, err
	}
	start := func(accel Accel, limit time.Duration) (Report, error) { return c.start(ctx, program, accel, limit) }
	if c.Accel != Auto {
		if why := noKVM(c.Arch); c.Accel == KVM && why != "" {
			return Report{}, fmt.Errorf("guest: there is no KVM: %s", why)
		}
		return start(c.Accel, c.Start)
	}
	if noKVM(c.Arch) == "" {
		before, err := c.remember()
		if err != nil {
			return Report{}, err
		}
		r, err := start(KVM, min(c.Trial, c.Start))
		var e *Error
		if err == nil || r.Ready > 0 || !errors.As(err, &e) {
			return r, err
		}
		if err := before.restore(&c); err != nil {
			return r, err
		}
		c.Warn(fmt.Sprintf("the guest does not come up under KVM and is emulated, which is slower: %s", e.Text))
	}
	return start(TCG, c.Start)
}

// start starts a machine of QEMU's once: twice where QEMU was built without
// seccomp, so that it refuses to confine itself.
func (c *Config) start(ctx context.Context, program string, accel Accel, limit time.Duration) (r Report, err error) {
	for {
		r, err = c.attempt(ctx, limit, func(h *hardware) (*command, error) { return c.qemu(program, accel, h) })
		r.Accel = accel
		var e *Error
		if c.unconfined || r.Ready > 0 || !errors.As(err, &e) || e.Ending != Ended || !strings.Contains(e.Text, "sandbox") {
			return r, err
		}
		c.unconfined = true
	}
}

// program is the path of QEMU's program.
func (c *Config) program() (string, error) {
	if c.Program == "" {
		return findQEMU(c.Arch)
	}
	p, err := absolute(c.Program)
	if err != nil {
		return "", fmt.Errorf("guest: %w", err)
	}
	return p, nil
}

// kvmDevice is the kernel's KVM; a variable for the tests.
var kvmDevice = "/dev/kvm"

// noKVM says why a machine cannot have KVM; empty: it is worth a trial.
func noKVM(arch string) string {
	if arch != arches[""] {
		return "the guest's processor is another than the host's"
	}
	f, err := os.OpenFile(kvmDevice, os.O_RDWR, 0)
	if err != nil {
		return patherr.At(kvmDevice, err).Error()
	}
	f.Close()
	return ""
}

// state is what a start that comes to nothing must not have changed.
type state struct {
	disk      unix.Stat_t
	variables []byte
}

// maxVariables bounds the flash memory of UEFI's variables, in bytes: OVMF's
// has half a MiB, that of Arm's firmware 64 MiB.
const maxVariables = 64 << 20

// remember takes the state before a trial. The firmware writes its variables
// before there is a guest.
func (c *Config) remember() (s state, err error) {
	if c.Disk != nil {
		if err := unix.Fstat(int(c.Disk.Fd()), &s.disk); err != nil {
			return s, fmt.Errorf("guest: disk: %w", err)
		}
	}
	if c.Variables != nil {
		s.variables, err = io.ReadAll(io.NewSectionReader(c.Variables, 0, maxVariables))
		if err != nil {
			return s, fmt.Errorf("guest: firmware's variables: %w", patherr.Bare(err))
		}
	}
	return s, nil
}

// restore makes the state as it was. Nothing may have touched the disk before
// the guest was ready.
func (s state) restore(c *Config) error {
	if c.Disk != nil {
		var now unix.Stat_t
		if err := unix.Fstat(int(c.Disk.Fd()), &now); err != nil {
			return fmt.Errorf("guest: disk: %w", err)
		}
		if now.Mtim != s.disk.Mtim || now.Size != s.disk.Size {
			return errors.New("guest: something wrote to the disk before the guest was ready under KVM, so emulation cannot begin anew: choose the accelerator tcg")
		}
	}
	if c.Variables == nil {
		return nil
	}
	if _, err := c.Variables.WriteAt(s.variables, 0); err != nil {
		return fmt.Errorf("guest: firmware's variables: %w", patherr.Bare(err))
	}
	return nil
}

// attempt starts a machine once and watches it to its end. limit is how long it
// may take until it is ready.
func (c *Config) attempt(ctx context.Context, limit time.Duration, build func(*hardware) (*command, error)) (r Report, err error) {
	r = Report{Engine: c.Engine}
	if err := ctx.Err(); err != nil {
		return r, context.Cause(ctx)
	}
	var h hardware
	defer h.close()
	cmd, err := build(&h)
	if err != nil {
		return r, err
	}
	r.Started = time.Now()
	proc, err := cmd.start()
	if err != nil {
		return r, fmt.Errorf("guest: cannot start %s: %w", cmd.path, patherr.Bare(err))
	}
	h.given()
	w := c.watch(proc, &h, r.Started.Add(limit))
	err = w.untilEnd(ctx)
	r.Ended = time.Since(r.Started)
	r.Ready, r.Version = w.ready, w.version
	return r, err
}
