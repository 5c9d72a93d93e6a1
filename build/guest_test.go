package build

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/reprodisk/reprodisk/build/partition"
	"github.com/reprodisk/reprodisk/build/spec"
	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/judge/installers"
	"github.com/reprodisk/reprodisk/internal/judge/nixstore"
)

// machineText is the part of a spec that names the guest's kernel. Emulation is
// asked for: where KVM is tried in vain each guest would say so.
func machineText(t testing.TB) string {
	t.Helper()
	judge.Tool(t, "qemu-system-x86_64")
	return "memSize: 512\nvm:\n  accel: tcg\n  kernel: " + judge.Given(t, judge.KernelVariable) + "\n  modules: " + judge.Given(t, judge.ModulesVariable) + "\n"
}

// umlText asks for user-mode Linux instead, which starts within a second.
func umlText(t testing.TB) string {
	t.Helper()
	judge.Tool(t, "linux.uml")
	return "memSize: 512\nvm:\n  engine: uml\n"
}

// installed are the layouts of make-disk-image's with the real installers that
// finish them.
func installed(t testing.TB) map[string]string {
	t.Helper()
	text := func(layout, script string) string {
		return "name: starter\nlabel: starter\npartitionTableType: " + layout + "\nadditionalSpace: 48M\nbootSize: 120M\nbootLoaderInstall: [" + script + ", " + layout + "]\n" +
			"contents:\n  - {source: root, target: /}\n" + machineText(t)
	}
	root := "  - {source: vmlinuz, target: /boot/vmlinuz}\n  - {source: initrd, target: /boot/initrd}\n"
	esp := "espContents:\n  - {source: vmlinuz, target: /vmlinuz}\n  - {source: initrd, target: /initrd}\n"
	vars := "touchEFIVars: true\nefiVariables: " + judge.File(t, ovmfVars) + "\nefiFirmware: " + judge.File(t, "/usr/share/OVMF/OVMF_CODE_4M.fd") + "\n"
	with := func(s, more string) string {
		return strings.Replace(s, "  - {source: root, target: /}\n", "  - {source: root, target: /}\n"+more, 1)
	}
	return map[string]string{
		"legacy":     with(text("legacy", installers.GRUB), root),
		"legacy+gpt": with(text("legacy+gpt", installers.GRUB), root),
		"efi":        text("efi", installers.SystemdBoot) + esp + vars,
		"hybrid":     text("hybrid", installers.GRUBHybrid) + esp,
	}
}

func installedSources(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	installers.Root(t, filepath.Join(dir, "root"))
	k, err := os.ReadFile(judge.Given(t, judge.KernelVariable))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "vmlinuz"), k, 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "initrd"), initrd(t), 0o644))
	return dir
}

// busyboxRoot makes a root folder with nothing but busybox in it.
func busyboxRoot(t testing.TB, root string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Join(root, "bin"), 0o755))
	busybox, err := os.ReadFile(judge.Tool(t, "busybox"))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(root, "bin/busybox"), busybox, 0o755))
}

// guestBuild builds with a guest, and shows the console where that fails.
func guestBuild(t testing.TB, dir, text, out string, change func(*Options)) Result {
	t.Helper()
	s, err := spec.Parse(filepath.Join(dir, "test.yaml"), []byte(text))
	must(t, err)
	var console bytes.Buffer
	opt := Options{OutDir: out, Guest: GuestOptions{Console: &console}}
	if change != nil {
		change(&opt)
	}
	r, err := Build(t.Context(), s, opt)
	if err != nil {
		t.Fatalf("%v\n%s", err, tail(console.String()))
	}
	return r
}

// busy keeps the processors busy until it is stopped.
func busy(t testing.TB) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	for range runtime.NumCPU() {
		wait.Go(func() {
			for n := 1; ctx.Err() == nil; n++ {
				_ = n * n
			}
		})
	}
	return func() { cancel(); wait.Wait() }
}

// guestRounds is how often each layout is built.
func guestRounds(t testing.TB) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv("REPRODISK_ROUNDS"))
	if err != nil {
		return 2
	}
	return n
}

// TestInstalledInAGuest has GRUB and systemd-boot installed by their own
// installers: one hash however often and in whatever machine, no fault that a
// tool finds, and the image boots.
func TestInstalledInAGuest(t *testing.T) {
	if testing.Short() {
		t.Skip("machines take a minute")
	}
	dir := installedSources(t)
	for layout, text := range installed(t) {
		t.Run(layout, func(t *testing.T) {
			t.Parallel()
			var first Result
			rounds := guestRounds(t)
			for round := range rounds {
				changed, stop := text, func() {}
				switch {
				case round%2 == 1 && layout != "efi": // which wants a firmware
					changed = strings.Replace(text, machineText(t), umlText(t), 1)
				case round%2 == 1:
					changed = strings.Replace(text, "vm:\n", "vm:\n  cpus: 2\n", 1)
				case round > 0:
					stop = busy(t)
				}
				r := guestBuild(t, dir, changed, t.TempDir(), nil)
				stop()
				if round == 0 {
					first = r
					continue
				}
				judge.Must(t, "cmp", first.Image, r.Image)
				if r.Variables != "" {
					judge.Must(t, "cmp", first.Variables, r.Variables)
				}
				must(t, os.Remove(r.Image))
			}
			root := cut(t, first.Image, first.Layout.Root())
			judge.Must(t, "e2fsck", "-fn", root)
			if out := judge.Must(t, "debugfs", "-R", "stat /etc/machine-id", root); strings.Contains(out, "Inode:") {
				t.Error("the image has a machine ID")
			}
			if p, ok := first.Layout.Find(partition.ESP); ok {
				judge.Must(t, "fsck.vfat", "-n", cut(t, first.Image, p))
				if r := judge.Run(t, "mdir", "-i", fmt.Sprintf("%s@@%d", first.Image, p.Offset()), "::loader/random-seed"); r.Status == 0 {
					t.Error("the image has a random seed")
				}
			}
			if first.Layout.Label == partition.LabelGPT {
				if out := judge.Must(t, "sgdisk", "-v", first.Image); !strings.Contains(out, "No problems found") {
					t.Error(out)
				}
			}
			for _, firmware := range map[string][]string{"efi": {"EFI"}, "hybrid": {"BIOS", "EFI"}}[layout] {
				boots(t, first, layout, firmware)
			}
			if first.Layout.Label == partition.LabelDOS || layout == "legacy+gpt" {
				boots(t, first, layout, "BIOS")
			}
		})
	}
}

func boots(t *testing.T, r Result, layout, firmware string) {
	t.Helper()
	m := machine{image: r.Image, efi: firmware == "EFI"}
	if layout == "efi" {
		// Without the file that is found without a boot option, only bootctl's
		// option is left.
		esp, _ := r.Layout.Find(partition.ESP)
		judge.Must(t, "mdel", "-i", fmt.Sprintf("%s@@%d", r.Image, esp.Offset()), "::EFI/BOOT/BOOTX64.EFI")
		m.variables = r.Variables
	}
	reaches(t, m.start(t), firmware, "from="+layout)
}

// TestAClosureInAGuest: a NixOS system is activated, installs its boot loader,
// and has files that belong to a user whom only the activation makes.
func TestAClosureInAGuest(t *testing.T) {
	if testing.Short() {
		t.Skip("machines take half a minute")
	}
	dir := t.TempDir()
	first := filepath.Join(dir, "initrd")
	must(t, os.WriteFile(first, initrd(t), 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "tool"), []byte("#!/bin/sh\n"), 0o755))
	s := nixstore.Make(t, nixstore.Config{
		Kernel: judge.Given(t, judge.KernelVariable), Initrd: first, Loader: judge.File(t, sdBoot),
		Params: "console=ttyS0 panic=-1 no_timer_check root=/dev/nvme0n1p2",
	})
	text := fmt.Sprintf("system: %s\nstoreRoot: %s\npartitionTableType: efi\nadditionalSpace: 32M\nbootSize: 120M\n", s.Toplevel, s.Root) +
		"contents:\n  - {source: tool, target: /home/alice/tool, mode: \"4755\", user: alice, group: users}\n" + machineText(t)
	a := guestBuild(t, dir, text, filepath.Join(dir, "a"), nil)
	b := guestBuild(t, dir, strings.Replace(text, machineText(t), umlText(t), 1), filepath.Join(dir, "b"), nil)
	judge.Must(t, "cmp", a.Image, b.Image)
	root := cut(t, a.Image, a.Layout.Root())
	judge.Must(t, "e2fsck", "-fn", root)
	if out := judge.Must(t, "debugfs", "-R", "stat /home/alice/tool", root); !strings.Contains(out, "Mode:  04755") || !strings.Contains(out, "User:  1000   Group:   100") {
		t.Error(out)
	}
	said := machine{image: a.Image, efi: true, device: "nvme,serial=disk"}.start(t)
	reaches(t, said, "EFI", "REPRODISK: "+s.Toplevel+"/init runs as process 1 and finds record 0 of "+s.Data)
}

// TestGuestsThatFail: one line, with the option, the step and the reason, and
// nothing is left. How else a machine can end is in build/guest/machine.
func TestGuestsThatFail(t *testing.T) {
	if testing.Short() {
		t.Skip("machines take some seconds each")
	}
	dir := t.TempDir()
	busyboxRoot(t, filepath.Join(dir, "root"))
	must(t, os.Symlink("busybox", filepath.Join(dir, "root/bin/sh")))
	must(t, os.Mkdir(filepath.Join(dir, "empty"), 0o755))
	here, uml := machineText(t), umlText(t)
	head := "name: x\npartitionTableType: none\nadditionalSpace: 16M\ncontents:\n  - {source: root, target: /}\n"
	script := func(text string) string { return head + "bootLoaderInstall: [sh, -c, '" + text + "']\n" }
	attempt := func(t *testing.T, ctx context.Context, text string, step func(string)) error {
		t.Helper()
		before := descriptors(t)
		s, err := spec.Parse(filepath.Join(dir, "test.yaml"), []byte(text))
		must(t, err)
		out := filepath.Join(t.TempDir(), "out")
		_, err = Build(ctx, s, Options{OutDir: out, Progress: func(phase string, _, _ int64) {
			if step != nil {
				step(phase)
			}
		}})
		nothing(t, out)
		if left := children(t); len(left) > 0 {
			t.Errorf("processes are left: %q", left)
		}
		if after := descriptors(t); after > before {
			t.Errorf("%d open files, before there were %d", after, before)
		}
		return err
	}
	for _, c := range []struct{ name, text, want string }{
		{"an installer that fails", script("echo no such disk >&2; exit 3") + uml, "test.yaml:6:1: bootLoaderInstall: guest: install the boot loader: exit status 3: no such disk"},
		{"a full disk", script("busybox dd if=/dev/zero of=/big bs=1M") + uml, "No space left on device"},
		{"no modules", script("true") + strings.Replace(here, judge.Given(t, judge.ModulesVariable), filepath.Join(dir, "empty"), 1), "empty"},
		{"no kernel", script("true") + "vm: {kernel: gone}\n", "test.yaml:6:1: bootLoaderInstall: " + filepath.Join(dir, "gone") + ": no such file or directory"},
		{"no QEMU", script("true") + here + "  qemu: gone/qemu\n", "gone/qemu"},
	} {
		t.Run(c.name, func(t *testing.T) {
			oneLine(t, attempt(t, t.Context(), c.text, nil), c.want)
		})
	}
	t.Run("interrupted", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		err := attempt(t, ctx, script("sleep 100")+here, func(phase string) {
			if phase == "guest: install the boot loader" {
				cancel()
			}
		})
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// children are the processes that this one has started, zombies too: "123 qemu".
func children(t *testing.T) (out []string) {
	t.Helper()
	tasks, err := filepath.Glob("/proc/self/task/*/children")
	must(t, err)
	for _, path := range tasks {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // a thread that has ended
		}
		for _, pid := range strings.Fields(string(b)) {
			name, _ := os.ReadFile("/proc/" + pid + "/comm")
			out = append(out, pid+" "+strings.TrimSpace(string(name)))
		}
	}
	return out
}

func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	return len(list)
}
