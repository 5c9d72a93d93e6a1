package guest

import (
	"context"
	"io"
	"os"
	"time"

	"github.com/reprodisk/reprodisk/build/guest/job"
)

// Options are one guest: its machine, its disk, and what is done.
type Options struct {
	Kernel    string // path; empty: the system's own, else the host's
	Modules   string // the folder of its modules; empty: found beside the kernel
	System    string // a NixOS's toplevel, below StoreRoot; empty: none
	StoreRoot string // the folder that stands for / above the store; empty: / itself
	QEMU      string // the program; empty: looked for
	Program   string // what the guest runs as its init; empty: the running program
	Engine    string // "qemu", "uml"
	Accel     string // "auto", "kvm", "tcg"
	CPUs      int
	MemMiB    int
	Idle      time.Duration // how long nothing at all may move

	Disk                *os.File // raw, of the image's size
	Firmware, Variables *os.File // of an EFI; nil: the machine has a BIOS

	Epoch   *int64 // what the clock starts from, in seconds since 1970; nil: now
	Seed    []byte // of the guest's random numbers; empty: fresh ones
	Aliases []string
	Mounts  []job.Mount
	Steps   []job.Step

	Console    io.Writer         // gets the console's output; nil: nobody
	Screendump string            // a picture of the screen where the guest fails; empty: none
	Step       func(name string) // told of each step as it begins; may be nil
	Warn       func(line string) // may be nil
}

// Run starts the guest, and returns when it has turned itself off after all
// that it was to do. An error is one line, without the name of the disk, or
// ctx.Err() where ctx ended.
func Run(ctx context.Context, o Options) error {
	panic("TODO")
}
