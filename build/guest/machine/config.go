package machine

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/build/guest/job"
)

// Engine is what plays the machine.
type Engine string

// The engines.
const (
	QEMU Engine = "qemu"
	UML  Engine = "uml" // user-mode Linux: the kernel is a program of the host
)

// Accel is how QEMU runs the guest's processors.
type Accel string

// The accelerators.
const (
	Auto Accel = "auto" // KVM where a guest comes up under it, else emulation
	KVM  Accel = "kvm"
	TCG  Accel = "tcg" // QEMU's Tiny Code Generator: emulation
)

// Config is a machine and who listens to it. Its files stay the caller's; they
// are read and written wherever their positions are, and need no names.
type Config struct {
	Engine  Engine // default: QEMU
	Program string // of QEMU's; empty: looked up by Arch. User-mode Linux has none but its kernel
	Arch    string // as GOARCH or uname(1) have it: amd64, x86_64, arm64, aarch64; default: the host's
	Kernel  string // path; of user-mode Linux: of the program, empty: looked up
	Initrd  *os.File
	Append  string   // more of the kernel's command line
	Disk    *os.File // raw, open for reading and writing

	// Firmware is UEFI's code for a flash memory, and Variables its variables,
	// which the guest writes; both or neither.
	Firmware, Variables *os.File

	Shares []Share // folders of the host's; of QEMU's machines

	MemMiB int // default: 1024
	CPUs   int // default: 1
	Accel  Accel
	Epoch  *int64 // what the clock starts at, in seconds since 1970; nil: the host's time
	Seed   []byte // of the random numbers that QEMU gives the guest; empty: the host's

	// Idle is how long nothing may move in the guest, Start how long it may
	// take to be ready, Trial how long that may take under KVM before it is
	// given up for emulation. Defaults: 2 min, 5 min, 10 s.
	Idle, Start, Trial time.Duration

	Console io.Writer // gets all of the console
	// Screendump is the path of a picture of the screen, PNG or else by the
	// ending .ppm, that is made where the machine fails. A machine has a screen
	// only where this is set.
	Screendump string

	// Event is called for each event in its order, and Warn for what people
	// should know, in one line. The machine waits for both. The console is
	// written by another goroutine than that which calls the two.
	Event func(job.Event)
	Warn  func(string)

	// grace is how long a guest that is at its end may take to turn itself off.
	grace time.Duration
	// unconfined is set where this QEMU cannot confine itself.
	unconfined bool
}

// Report is what came of a machine.
type Report struct {
	Engine  Engine
	Accel   Accel         // that the guest ran with; of QEMU's
	Version string        // of QEMU, as it says itself
	Started time.Time     // of the start that counts: a trial of KVM came before
	Ready   time.Duration // from the start; 0: it never was
	Ended   time.Duration // from the start until nothing of it was left
}

// arches maps what people call an architecture to QEMU's name.
var arches = map[string]string{
	"": archName[runtime.GOARCH], "amd64": "x86_64", "x86_64": "x86_64", "arm64": "aarch64", "aarch64": "aarch64",
}

// archName maps GOARCH to QEMU's names.
var archName = map[string]string{"amd64": "x86_64", "arm64": "aarch64"}

// minMemory is less than any kernel starts with, in MiB.
const minMemory = 32

// complete is the configuration with its defaults, checked.
func (c Config) complete() (Config, error) {
	c.Engine = cmp.Or(c.Engine, QEMU)
	c.Accel = cmp.Or(c.Accel, Auto)
	c.MemMiB, c.CPUs = cmp.Or(c.MemMiB, 1024), cmp.Or(c.CPUs, 1)
	c.Idle, c.Start, c.Trial = cmp.Or(c.Idle, 2*time.Minute), cmp.Or(c.Start, 5*time.Minute), cmp.Or(c.Trial, 10*time.Second)
	c.grace = cmp.Or(c.grace, time.Minute)
	arch, ok := arches[c.Arch]
	switch {
	case !ok || arch == "":
		return c, fmt.Errorf("machine: there is none of the architecture %q; there are x86_64 and aarch64", cmp.Or(c.Arch, runtime.GOARCH))
	case c.Engine != QEMU && c.Engine != UML:
		return c, fmt.Errorf("machine: there is no engine %q; there are %s and %s", c.Engine, QEMU, UML)
	case c.Accel != Auto && c.Accel != KVM && c.Accel != TCG:
		return c, fmt.Errorf("machine: there is no accelerator %q; there are %s, %s and %s", c.Accel, Auto, KVM, TCG)
	case c.Kernel == "" && c.Engine != UML:
		return c, errors.New("machine: there is no kernel")
	case (c.Firmware == nil) != (c.Variables == nil):
		return c, errors.New("machine: firmware and its variables come together")
	case c.MemMiB < minMemory:
		return c, fmt.Errorf("machine: %d MiB of memory are too few for a kernel, which takes %d at the least", c.MemMiB, minMemory)
	case c.CPUs < 1:
		return c, fmt.Errorf("machine: it cannot have %d processors", c.CPUs)
	case c.Engine == UML && len(c.Shares) > 0:
		return c, errors.New("machine: user-mode Linux shares no folders")
	case c.Engine == UML && (c.Firmware != nil || c.Screendump != ""):
		return c, errors.New("machine: user-mode Linux has no firmware and no screen")
	}
	for name, f := range map[string]*os.File{"disk": c.Disk, "firmware's variables": c.Variables} {
		if f == nil {
			continue
		}
		if flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0); err != nil || flags&unix.O_ACCMODE != unix.O_RDWR {
			return c, fmt.Errorf("machine: the file of the %s is not open for reading and writing", name)
		}
	}
	c.Arch = arch
	if c.Console == nil {
		c.Console = io.Discard
	}
	if c.Event == nil {
		c.Event = func(job.Event) {}
	}
	if c.Warn == nil {
		c.Warn = func(string) {}
	}
	return c, nil
}
