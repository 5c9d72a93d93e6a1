package machine

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/reprodisk/reprodisk/internal/judge"
)

func TestProbeStartsAKernelUnderKVM(t *testing.T) {
	kvm(t)
	for part, want := range map[string]Status{
		"rootless":       {KVM: true, Tried: true},
		"internal-error": {Tried: true, Why: "the host's KVM cannot run the guest: QEMU says internal-error"},
		"signal":         {Tried: true, Why: "QEMU was ended by a signal, killed"},
	} {
		t.Run(part, func(t *testing.T) {
			c, _ := faked(t, part)
			c.Trial = 5 * time.Minute
			before := open(t)
			got, err := Probe(t.Context(), c)
			nothingLeft(t, before)
			want.Program, want.Version, want.UML = c.Program, "99.2.3 (fake)", got.UML
			if err != nil || got != want {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

func TestProbeWithoutAKernelStartsNone(t *testing.T) {
	program := judge.Tool(t, "qemu-system-x86_64")
	s, err := Probe(t.Context(), Config{Arch: "x86_64"})
	if err != nil || s.Tried || s.KVM == (s.Why != "") || s.Version == "" || s.Program != program {
		t.Errorf("%+v, %v", s, err)
	}
}

// TestProbeAgreesWithRun starts a kernel under this host's KVM, if it has one.
func TestProbeAgreesWithRun(t *testing.T) {
	boots(t)
	judge.Tool(t, "qemu-system-x86_64")
	s, err := Probe(t.Context(), Config{Arch: "x86_64", Kernel: judge.Given(t, judge.KernelVariable)})
	if err != nil || s.KVM == (s.Why != "") {
		t.Fatalf("%+v, %v", s, err)
	}
	t.Logf("%+v", s)
	if !s.KVM {
		c, _ := guest(t, "ok")
		c.Accel = KVM
		if _, err := Run(t.Context(), c); err == nil {
			t.Error("KVM ran a guest, and Probe says", s.Why)
		}
	}
}

func TestWhatIsMissingIsNamed(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	kept := look
	look = func(string) (string, bool) { return "", false }
	defer func() { look = kept }()
	var missing *MissingError
	_, err := Run(t.Context(), Config{Arch: "arm64", Kernel: "kernel"})
	if !errors.As(err, &missing) || err.Error() != "qemu-system-aarch64 is missing: apt-get install qemu-system-arm, or with Nix: nix-env -iA nixpkgs.qemu" {
		t.Errorf("Run says %v", err)
	}
	_, err = Run(t.Context(), Config{Engine: UML})
	if !errors.As(err, &missing) || err.Error() != "linux.uml is missing: apt-get install user-mode-linux" {
		t.Errorf("Run says %v", err)
	}
	if _, err := Probe(t.Context(), Config{}); !errors.As(err, &missing) {
		t.Errorf("Probe says %v", err)
	}
}

func TestWhatIsNoMachineIsRefused(t *testing.T) {
	readOnly, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer readOnly.Close()
	for want, c := range map[string]Config{
		"architecture":    {Arch: "vax", Kernel: "k"},
		"engine":          {Engine: "steam", Kernel: "k"},
		"accelerator":     {Accel: "hvf", Kernel: "k"},
		"no kernel":       {},
		"come together":   {Kernel: "k", Firmware: new(os.File)},
		"-1 processors":   {Kernel: "k", CPUs: -1},
		"32 at the least": {Kernel: "k", MemMiB: 1},
		"no screen":       {Engine: UML, Screendump: "s"},
		"no such file":    {Kernel: "/none", Accel: TCG, Program: "/proc/self/exe"},
		"no such file or": {Kernel: "k", Accel: TCG, Program: "/none"},
	} {
		if _, err := Run(t.Context(), c); err == nil || !strings.Contains(err.Error()+" ", want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
