package guest

import (
	"cmp"
	"context"
	"debug/elf"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/build/guest/initramfs"
	"github.com/reprodisk/reprodisk/build/guest/job"
	"github.com/reprodisk/reprodisk/build/guest/kernel"
	"github.com/reprodisk/reprodisk/build/guest/machine"
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

// beat is the time between two signs of life, in milliseconds.
const beat = 500

// Run starts the guest, and returns when it has turned itself off after all
// that it was to do. An error is one line, without the name of the disk, or
// ctx.Err() where ctx ended.
func Run(ctx context.Context, o Options) error {
	k, err := o.kernel()
	if err != nil {
		return err
	}
	initrd, err := o.initramfs(ctx, k)
	if err != nil {
		return err
	}
	defer initrd.Close()
	c := machine.Config{
		Engine: machine.Engine(o.Engine), Program: o.QEMU, Accel: machine.Accel(o.Accel), CPUs: o.CPUs, MemMiB: o.MemMiB,
		Kernel: k.Path, Initrd: initrd, Disk: o.Disk, Firmware: o.Firmware, Variables: o.Variables,
		Epoch: o.Epoch, Seed: o.Seed, Idle: o.Idle, Console: o.Console, Screendump: o.Screendump, Warn: o.Warn,
		Event: func(e job.Event) {
			if e.Kind == job.Began && o.Step != nil {
				o.Step(e.Step)
			}
		},
	}
	if k.Arch != kernel.UM {
		c.Arch = string(k.Arch)
	}
	_, err = machine.Run(ctx, c)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// kernel finds the guest's kernel, and holds it against the engine.
func (o *Options) kernel() (kernel.Kernel, error) {
	w := kernel.Where{Kernel: o.Kernel, Modules: o.Modules, Toplevel: o.System, StoreRoot: o.StoreRoot}
	uml := o.Engine == string(machine.UML)
	if uml {
		w.Arch, w.Toplevel = kernel.UM, ""
	}
	k, err := kernel.Find(w)
	if err == nil && !uml && k.Arch == kernel.UM {
		err = fmt.Errorf("%s: is user-mode Linux, which vm.engine: uml starts; QEMU needs another kernel", k.Path)
	}
	return k, err
}

// initramfs is what the kernel starts with.
func (o *Options) initramfs(ctx context.Context, k kernel.Kernel) (*os.File, error) {
	j := job.Job{
		Disk: job.Disk, Epoch: o.Epoch, Seed: o.Seed, Aliases: o.Aliases, Mounts: o.Mounts, EFIVariables: o.Variables != nil,
		Steps: o.Steps,
	}
	if k.Arch == kernel.UM {
		j.Disk, j.Tty = machine.UMLDisk, machine.UMLTty
	}
	return Initramfs(ctx, o.Program, k, o.wanted(k), j)
}

// Initramfs is what a kernel starts with: a program of this machine's (empty:
// the running one) as its init, the modules that are wanted, and the job, which
// names them. It is a file in memory that has no name.
func Initramfs(ctx context.Context, program string, k kernel.Kernel, want []kernel.Want, j job.Job) (*os.File, error) {
	if program == "" {
		var err error
		if program, err = os.Executable(); err != nil {
			return nil, fmt.Errorf("find the running program: %w", err)
		}
	}
	entries, err := initramfs.Program(program, job.Init)
	if err != nil {
		return nil, err
	}
	if err := sameArch(program, k); err != nil {
		return nil, err
	}
	j.Beat = cmp.Or(j.Beat, beat)
	modules, err := k.Modules(ctx, want)
	if err != nil {
		return nil, err
	}
	for _, m := range modules {
		j.Modules = append(j.Modules, m.File)
		entries = append(entries, initramfs.Entry{Name: path.Join(job.Modules, m.File), Mode: unix.S_IFREG | 0o644, Open: m.Open, Size: m.Size})
	}
	text, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	entries = append(append(entries, initramfs.Early()...), initramfs.Bytes(job.File, 0o600, text))
	fd, err := unix.MemfdCreate("initramfs", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make a file in memory for the guest's initramfs: %w", err)
	}
	f := os.NewFile(uintptr(fd), "initramfs")
	if err := initramfs.Write(f, entries); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// wanted are the modules that this guest needs: FAT's only where it has one.
func (o *Options) wanted(k kernel.Kernel) []kernel.Want {
	fat := slices.ContainsFunc(o.Mounts, func(m job.Mount) bool { return m.Type == "vfat" })
	return slices.DeleteFunc(k.Needed(o.Variables != nil), func(w kernel.Want) bool {
		return !fat && (w.Name == "vfat" || strings.HasPrefix(w.Name, "nls_"))
	})
}

// sameArch holds the program that is to be the guest's init against its kernel.
func sameArch(program string, k kernel.Kernel) error {
	f, err := elf.Open(program)
	if err != nil {
		return fmt.Errorf("%s: %w", program, err)
	}
	defer f.Close()
	arch := map[elf.Machine]kernel.Arch{elf.EM_X86_64: kernel.X86_64, elf.EM_AARCH64: kernel.AArch64}[f.Machine]
	if k.Arch == kernel.UM || arch == k.Arch {
		return nil
	}
	return fmt.Errorf("%s: is a kernel for %s, and %s, which is to run under it, is for %s: a reprodisk of the kernel's sort is needed", k.Path, k.Arch, program, arch)
}
