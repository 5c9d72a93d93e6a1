package spec

import (
	"path"
	"strings"
)

// The values of vm.accel.
const (
	AccelAuto = "auto" // KVM where a guest comes up under it, else TCG
	AccelKVM  = "kvm"
	AccelTCG  = "tcg" // QEMU's emulation
)

// The values of vm.engine.
const (
	EngineQEMU = "qemu"
	EngineUML  = "uml" // user-mode Linux
)

// VM is the virtual machine in which an image is finished. Paths are as
// written.
type VM struct {
	Kernel  string // a Linux kernel; empty: the closure's own, or the host's
	Modules string // the folder of its modules, lib/modules or one version of it
	QEMU    string // the program; empty: the one on the PATH
	CPUs    int64
	Accel   string // AccelAuto, AccelKVM, AccelTCG
	Engine  string // EngineQEMU, EngineUML
	// Timeout is how long nothing at all may move in the machine, in seconds.
	Timeout int64
	// Run are commands that run in the image, when its boot loader is there.
	Run [][]string
}

// Least and most memory, in MiB, and most processors that a machine is given: no
// kernel starts with less.
const (
	minMemory  = 32
	maxMemory  = 1 << 30
	maxCPUs    = 255
	maxTimeout = 7 * 24 * 3600
)

func defaultVM() VM { return VM{CPUs: 1, Accel: AccelAuto, Engine: EngineQEMU, Timeout: 120} }

func number(to *int64, least, most int64) func(node) error {
	return func(n node) (err error) {
		*to, err = integer(n, least, most)
		return err
	}
}

func readVM(s *Spec, n node) error {
	_, err := fields(s, n, []string{"kernel", "modules", "qemu", "cpus", "accel", "engine", "timeout", "run"}, map[string]func(node) error{
		"kernel":  one(&s.VM.Kernel),
		"modules": one(&s.VM.Modules),
		"qemu":    one(&s.VM.QEMU),
		"cpus":    number(&s.VM.CPUs, 1, maxCPUs),
		"accel":   oneOf(&s.VM.Accel, AccelAuto, AccelKVM, AccelTCG),
		"engine":  oneOf(&s.VM.Engine, EngineQEMU, EngineUML),
		"timeout": number(&s.VM.Timeout, 1, maxTimeout),
		"run":     list(&s.VM.Run, command),
	})
	return err
}

// command reads a program with its arguments, as a list of texts. The program
// is a path in the image, or a name that its PATH finds.
func command(to *[]string) func(node) error {
	return func(n node) error {
		if n.kind != listKind {
			return errorAt(n.pos, "wants a list of a program and its arguments, not %s", n.kind)
		}
		for i, item := range n.items {
			// An argument may be empty; a program may not.
			if item.kind == textKind && item.text == "" && i > 0 {
				*to = append(*to, "")
				continue
			}
			t, err := scalar(item)
			if err != nil {
				return err
			}
			*to = append(*to, t)
		}
		if len(*to) == 0 {
			return errorAt(n.pos, "an empty list names no program")
		}
		return nil
	}
}

// devicePath reads the name of a disk: /dev/sda.
func devicePath(s *Spec, n node) error {
	t, err := scalar(n)
	if err != nil {
		return err
	}
	if clean := path.Clean(t); clean != t || !strings.HasPrefix(t, "/dev/") || len(t) > 255 {
		return errorAt(n.pos, "%q is no path of a disk below /dev", shorten(t))
	}
	s.BootLoaderDevice = t
	return nil
}

// NeedsGuest tells whether the spec asks for a virtual machine by itself. The
// names of owners may need one as well: see stage.Options.
func (s *Spec) NeedsGuest() bool { return s.BootLoader == LoaderGuest || len(s.VM.Run) > 0 }

// checkGuest finds what is wrong between what the virtual machine is for and
// the rest.
func (s *Spec) checkGuest() error {
	given := func(option string) bool { _, ok := s.at[option]; return ok }
	if given("bootLoaderInstall") && s.BootLoader != LoaderGuest {
		return s.Errorf("bootLoaderInstall", "it needs bootLoader: guest, not %s", s.BootLoader)
	}
	if given("bootLoaderDevice") && s.BootLoader != LoaderGuest {
		return s.Errorf("bootLoaderDevice", "it needs bootLoader: guest, not %s", s.BootLoader)
	}
	if s.BootLoader == LoaderGuest && s.System == "" && len(s.BootLoaderInstall) == 0 {
		at := "bootLoader"
		if !given(at) {
			at = "installBootLoader"
		}
		return s.Errorf(at, "the guest runs the system's own installer: name the system, or the command with bootLoaderInstall; or choose another bootLoader")
	}
	if !s.NeedsGuest() {
		return nil
	}
	at := s.guestOption()
	if s.FSType != Ext4 {
		return s.Errorf(at, "the guest finishes root filesystems that are ext4, not %s; bootLoader: none needs no guest", s.FSType)
	}
	if s.OnlyNixStore {
		return s.Errorf(at, "an image of only the Nix store has nothing to run")
	}
	if s.VM.Engine == EngineUML {
		if s.TouchEFIVars {
			return s.Errorf("touchEFIVars", "user-mode Linux has no firmware, and so no variables: vm.engine: qemu has")
		}
		if s.VM.Accel != AccelAuto || s.VM.QEMU != "" {
			return s.Errorf("vm", "accel and qemu are QEMU's; the engine is uml")
		}
	}
	return nil
}

// guestOption is the option by which the spec asks for a guest.
func (s *Spec) guestOption() string {
	given := func(option string) bool { _, ok := s.at[option]; return ok }
	switch {
	case s.BootLoader != LoaderGuest && len(s.VM.Run) > 0:
		return "vm"
	case s.BootLoader != LoaderGuest:
		return "contents" // whose owners only the system knows
	case given("bootLoaderInstall"):
		return "bootLoaderInstall"
	case !given("bootLoader") && given("installBootLoader"):
		return "installBootLoader"
	case !given("bootLoader") && given("system"):
		return "system"
	}
	return "bootLoader"
}

// GuestErrorf is an error of the virtual machine, at the option that asks for
// one.
func (s *Spec) GuestErrorf(format string, args ...any) error {
	return s.Errorf(s.guestOption(), format, args...)
}

// guestIdentity is what enters the identifiers: what is run, not how.
func (s *Spec) guestIdentity(m map[string]any) {
	if len(s.BootLoaderInstall) > 0 {
		m["bootLoaderInstall"] = s.BootLoaderInstall
	}
	if s.BootLoaderDevice != "" {
		m["bootLoaderDevice"] = s.BootLoaderDevice
	}
	if len(s.VM.Run) > 0 {
		m["run"] = s.VM.Run
	}
}
