package spec

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestGuest(t *testing.T) {
	s := parse(t, `
system: /nix/store/x
memSize: 2048
bootLoaderDevice: /dev/sda
vm:
  kernel: bzImage
  modules: lib/modules
  cpus: 2
  accel: tcg
  timeout: 600
  run:
    - [sh, -c, "", "1"]
    - ["true", 2]
`)
	want := VM{
		Kernel: "bzImage", Modules: "lib/modules", CPUs: 2, Accel: AccelTCG, Engine: EngineQEMU, Timeout: 600,
		Run: [][]string{{"sh", "-c", "", "1"}, {"true", "2"}},
	}
	if d := cmp.Diff(want, s.VM); d != "" {
		t.Error(d)
	}
	if s.BootLoader != LoaderGuest || !s.InstallBootLoader || !s.NeedsGuest() || s.MemSize != 2048 || s.BootLoaderDevice != "/dev/sda" {
		t.Errorf("%+v", s)
	}
	s = parse(t, "bootLoaderInstall: [/install, /dev/vda]")
	if s.BootLoader != LoaderGuest || !s.InstallBootLoader {
		t.Error(s.BootLoader, s.InstallBootLoader)
	}
	for _, none := range []string{"memSize: 2048", "vm: {kernel: k}", "bootLoader: none\nsystem: /nix/store/x", "postVM: a"} {
		if parse(t, none).NeedsGuest() {
			t.Errorf("%q needs a guest", none)
		}
	}
}

func TestGuestErrorsNameTheLineAndTheRemedy(t *testing.T) {
	for _, c := range []struct{ spec, want string }{
		{"installBootLoader: true", "s.yaml:1:1: installBootLoader: the guest runs the system's own installer: name the system, or the command with bootLoaderInstall; or choose another bootLoader"},
		{"bootLoader: guest", "s.yaml:1:1: bootLoader: the guest runs the system's own installer: name the system, or the command with bootLoaderInstall; or choose another bootLoader"},
		{"bootLoader: none\nbootLoaderInstall: [a]", "s.yaml:2:1: bootLoaderInstall: it needs bootLoader: guest, not none"},
		{"installBootLoader: false\nbootLoaderInstall: [a]", "s.yaml:2:1: bootLoaderInstall: it needs bootLoader: guest, not none"},
		{"bootLoaderDevice: /dev/sda", "s.yaml:1:1: bootLoaderDevice: it needs bootLoader: guest, not none"},
		{"bootLoaderInstall: [a]\nbootLoaderDevice: /dev/../etc/passwd", `s.yaml:2:19: bootLoaderDevice: "/dev/../etc/passwd" is no path of a disk below /dev`},
		{"bootLoaderInstall: []", "s.yaml:1:20: bootLoaderInstall: an empty list names no program"},
		{"bootLoaderInstall: a", "s.yaml:1:20: bootLoaderInstall: wants a list of a program and its arguments, not text"},
		{"bootLoaderInstall: [a]\nfsType: xfs\npartitionTableType: none", "s.yaml:1:1: bootLoaderInstall: the guest finishes root filesystems that are ext4, not xfs; bootLoader: none needs no guest"},
		{"onlyNixStore: true\nvm: {run: [[a]]}", "s.yaml:2:1: vm: an image of only the Nix store has nothing to run"},
		{"vm: {engine: uml, accel: kvm, run: [[a]]}", "s.yaml:1:1: vm: accel and qemu are QEMU's; the engine is uml"},
		{"partitionTableType: efi\ntouchEFIVars: true\nvm: {engine: uml, run: [[a]]}", "s.yaml:2:1: touchEFIVars: user-mode Linux has no firmware, and so no variables: vm.engine: qemu has"},
		{"vm: {accel: hvf}", `s.yaml:1:13: vm: accel: "hvf" is not one of auto, kvm, tcg, did you mean "kvm"?`},
		{"vm: {cpus: 0}", "s.yaml:1:12: vm: cpus: 0 is not between 1 and 255"},
		{"vm: {kernle: k}", `s.yaml:1:6: vm: unknown key "kernle", did you mean "kernel"?`},
		{"vm: []", "s.yaml:1:5: vm: wants a mapping of kernel, modules, qemu, cpus, accel, engine, timeout, run, not a list"},
	} {
		_, err := Parse("s.yaml", []byte(c.spec))
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%q:\n %s\nwant\n %s", c.spec, got, c.want)
		}
	}
}

// TestWhatIsRunIsTheImages, and how it is run is not.
func TestWhatIsRunIsTheImages(t *testing.T) {
	a := parse(t, "bootLoaderInstall: [a]").DeriveID("x")
	if b := parse(t, "bootLoaderInstall: [b]").DeriveID("x"); a == b {
		t.Error("two installers, one identifier")
	}
	if b := parse(t, "memSize: 4096\nvm: {cpus: 4, kernel: k, accel: kvm}\nbootLoaderInstall: [a]").DeriveID("x"); a != b {
		t.Error("the machine is in the identifier")
	}
	if b := parse(t, "bootLoaderInstall: [a]\nvm: {run: [[c]]}").DeriveID("x"); a == b {
		t.Error("two commands, one identifier")
	}
}
