package build

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/reprodisk/reprodisk/build/boot"
	"github.com/reprodisk/reprodisk/build/closure"
	"github.com/reprodisk/reprodisk/build/guest"
	"github.com/reprodisk/reprodisk/build/guest/job"
	"github.com/reprodisk/reprodisk/build/partition"
	"github.com/reprodisk/reprodisk/build/spec"
	"github.com/reprodisk/reprodisk/internal/ondisk/ext4"
	"github.com/reprodisk/reprodisk/internal/wholefile"
)

// GuestOptions are what a virtual machine depends on beside the spec. None of
// them changes a deterministic image, but KeepDisk.
type GuestOptions struct {
	// KeepDisk leaves the image as the guest's kernel wrote it, which is never
	// the same twice.
	KeepDisk bool
	// Console gets all that the guest's console prints. It may be nil.
	Console io.Writer
	// Screendump is the path of a picture of the guest's screen, which is made
	// where the guest fails; empty: none is.
	Screendump string
	// Program is the program that is the guest's init; empty: the running one.
	Program string

	// instead is what a test has in the place of a machine; nil: a machine.
	instead func(disk *os.File, l partition.Layout) error
}

// hasGuest tells whether the image is finished in a virtual machine.
func (b *builder) hasGuest() bool {
	return b.spec.NeedsGuest() || len(b.later) > 0 || b.opt.Guest.instead != nil
}

func (b *builder) guestError(text string) error { return b.spec.GuestErrorf("%s", text) }

// disk makes the finished disk on an empty file.
func (b *builder) disk(ctx context.Context, o *wholefile.File) error {
	if !b.hasGuest() {
		return b.write(ctx, o)
	}
	if b.chance != nil || b.opt.Guest.KeepDisk {
		if err := b.write(ctx, o); err != nil {
			return err
		}
		if err := b.runGuest(ctx, o.File); err != nil {
			return err
		}
		if b.opt.Guest.KeepDisk {
			return nil
		}
		return b.checked(o)
	}
	raw, err := wholefile.Scratch(b.opt.OutDir, ImageName)
	if err != nil {
		return err
	}
	// Until the image is written its contents are read from there.
	defer raw.Close()
	if err := b.write(ctx, raw); err != nil {
		return wholefile.Named(raw.Cause(err), raw.Name(), filepath.Join(b.opt.OutDir, ImageName))
	}
	table, err := b.readTables(raw)
	if err != nil {
		return err
	}
	if err := b.runGuest(ctx, raw.File); err != nil {
		return err
	}
	b.opt.phase("reading the guest's disk")
	if err := b.takeBack(ctx, raw, table); err != nil {
		return err
	}
	return b.write(ctx, o)
}

// runGuest has the guest finish a disk.
func (b *builder) runGuest(ctx context.Context, disk *os.File) error {
	if f := b.opt.Guest.instead; f != nil {
		return f(disk, b.layout)
	}
	s := b.spec
	if s.VM.Engine == spec.EngineUML && b.opt.Guest.Screendump != "" {
		return b.guestError("user-mode Linux has no screen that --guest-screendump could take: vm.engine: qemu has")
	}
	o := guest.Options{
		Program: b.opt.Guest.Program, Console: b.opt.Guest.Console, Screendump: b.opt.Guest.Screendump,
		Kernel: s.Resolve(s.VM.Kernel), Modules: s.Resolve(s.VM.Modules), QEMU: s.Resolve(s.VM.QEMU),
		StoreRoot: s.Resolve(s.StoreRoot),
		Engine:    s.VM.Engine, Accel: s.VM.Accel, CPUs: int(s.VM.CPUs), MemMiB: int(s.MemSize), Idle: time.Duration(s.VM.Timeout) * time.Second,
		Disk: disk, Mounts: b.guestMounts(), Steps: b.guestSteps(),
		Warn: func(line string) { b.opt.warn([]string{line}) },
		// A step has no size that is known: it is a phase without one.
		Step: func(name string) { b.opt.phase("guest: " + name) },
	}
	if s.BootLoaderDevice != "" {
		o.Aliases = []string{s.BootLoaderDevice}
	}
	if b.chance == nil {
		epoch, seed := b.epoch.Sec, b.id("guest randomness")
		o.Epoch, o.Seed = &epoch, seed[:]
	}
	if b.firmware != nil {
		code, err := boot.Firmware(s)
		if err != nil {
			return err
		}
		defer code.Close()
		o.Firmware, o.Variables = code, b.firmware
	}
	if s.System != "" {
		var err error
		if o.System, err = closure.Find(o.StoreRoot, s.Resolve(s.System)); err != nil {
			return s.Errorf("system", "%v", err)
		}
	}
	b.opt.phase("guest")
	if err := guest.Run(ctx, o); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return b.guestError(err.Error())
	}
	return nil
}

// guestMounts are the image's filesystems as the running system has them.
func (b *builder) guestMounts() []job.Mount {
	var list []job.Mount
	for _, p := range []struct {
		role   partition.Role
		target string
		fsType string
	}{{partition.Root, "/", "ext4"}, {partition.ESP, b.espMount(), "vfat"}, {partition.XBOOTLDR, "/boot", "vfat"}} {
		if at, ok := b.layout.Find(p.role); ok {
			list = append(list, job.Mount{Partition: at.Number, Type: p.fsType, Target: p.target})
		}
	}
	return list
}

// espMount is where the EFI System Partition is mounted.
func (b *builder) espMount() string {
	if b.spec.PartitionTableType == spec.TableEFIXBootldr {
		return "/efi"
	}
	return "/boot"
}

const (
	profile = "/nix/var/nix/profiles/system" // of a NixOS
	// guestPath finds programs as a login shell of NixOS or of any other Linux
	// does.
	guestPath = "/run/current-system/sw/bin:" + profile + "/sw/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
)

// guestSteps are what make-disk-image does in its machine, in its order. What
// it does there beyond that (identifiers, the EFI System Partition, the
// configuration file) is there already.
func (b *builder) guestSteps() []job.Step {
	s := b.spec
	env := []string{"PATH=" + guestPath, "HOME=/root", "USER=root", "LANG=C.UTF-8", "TZ=UTC", "TERM=dumb"}
	if b.chance == nil {
		env = append(env, fmt.Sprintf("SOURCE_DATE_EPOCH=%d", b.epoch.Sec))
	}
	var steps []job.Step
	run := func(name string, mayFail bool, more []string, argv ...string) {
		steps = append(steps, job.Step{Name: name, Run: &job.Run{Argv: argv, Env: append(env[:len(env):len(env)], more...), MayFail: mayFail}})
	}
	remove := func(path string) {
		steps = append(steps, job.Step{Name: "remove " + path, Remove: &job.Remove{Path: path}})
	}
	loader := s.BootLoader == spec.LoaderGuest
	if s.System != "" {
		// As nixos-enter has it, which goes on where they fail.
		run("activate the system", true, []string{"IN_NIXOS_ENTER=1"}, profile+"/activate")
		run("make the system's temporary files", true, []string{"IN_NIXOS_ENTER=1"}, profile+"/sw/bin/systemd-tmpfiles", "--create", "--remove", "-E")
	}
	switch {
	case loader && len(s.BootLoaderInstall) > 0:
		run("install the boot loader", false, nil, s.BootLoaderInstall...)
	case loader:
		run("install the boot loader", false, []string{"NIXOS_INSTALL_BOOTLOADER=1"}, profile+"/bin/switch-to-configuration", "boot")
	}
	if loader {
		// Not one and the same for all machines that start from the image.
		remove("/etc/machine-id")
	}
	for _, argv := range s.VM.Run {
		run("run "+strings.Join(argv, " "), false, nil, argv...)
	}
	if s.HasESP() && b.chance == nil {
		remove(path.Join(b.espMount(), "loader/random-seed"))
	}
	for _, c := range b.later {
		steps = append(steps, job.Step{Name: "chown " + c.Target, Own: &job.Own{Path: c.Target, User: c.User, Group: c.Group}})
	}
	return steps
}

// checked marks the root filesystem as checked when it was last written to, as
// make-disk-image does at its end: resize2fs wants it so.
func (b *builder) checked(o *wholefile.File) error {
	at := b.layout.Root().Offset() + ext4.SuperblockOffset
	raw := make([]byte, ext4.SuperblockLayout.Size())
	if _, err := o.ReadAt(raw, at); err != nil {
		return fmt.Errorf("read the root filesystem's superblock: %w", err)
	}
	sb := ext4.SuperblockLayout.Decode(raw)
	sb.Lastcheck, sb.LastcheckHi = sb.Wtime, sb.WtimeHi
	ext4.SuperblockLayout.Put(raw, &sb)
	binary.LittleEndian.PutUint32(raw[len(raw)-4:], ext4.SuperblockChecksum(raw))
	_, err := o.WriteAt(raw, at)
	return err
}
