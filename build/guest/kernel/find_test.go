package kernel

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
)

// installed puts a kernel and its modules as a package of a distribution does.
func install(t *testing.T, root, kernel, version string) {
	t.Helper()
	put(t, root+kernel, madeX86(version))
	put(t, root+"/lib/modules/"+version+"/kernel/a.ko", madeModule("depends="))
}

func TestFindTakesTheRunningKernelThenTheNewest(t *testing.T) {
	dir := t.TempDir()
	install(t, dir, "/boot/vmlinuz-6.1.0-9-amd64", "6.1.0-9-amd64")
	install(t, dir, "/boot/vmlinuz-6.1.0-10-amd64", "6.1.0-10-amd64")
	put(t, dir+"/boot/vmlinuz-6.9.0", madeX86("6.9.0")) // without modules
	put(t, dir+"/boot/vmlinuz-7", "damaged")
	put(t, dir+"/boot/config-9", "no kernel")
	find := func(want string) {
		t.Helper()
		k, err := Find(Where{Root: dir, Arch: X86_64})
		if err != nil || k.Version != want || k.Folder != dir+"/lib/modules/"+want {
			t.Errorf("got %+v, %v, want %s", k, err, want)
		}
	}
	find("6.1.0-10-amd64")
	install(t, dir, "/lib/modules/6.2.1-300.fc37/vmlinuz", "6.2.1-300.fc37") // Fedora
	find("6.2.1-300.fc37")
	put(t, dir+"/proc/sys/kernel/osrelease", "6.1.0-9-amd64\n")
	find("6.1.0-9-amd64")
	must(t, os.Remove(dir+"/boot/vmlinuz-6.1.0-9-amd64"))
	find("6.2.1-300.fc37")
}

func TestFindSaysWhatItLookedFor(t *testing.T) {
	dir := t.TempDir()
	contains := func(w Where, wants ...string) {
		t.Helper()
		_, err := Find(w)
		if err == nil {
			t.Errorf("%+v: no error", w)
			return
		}
		for _, want := range wants {
			if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%+v: %v, without %q", w, err, want)
			}
		}
	}
	contains(Where{Root: dir, Arch: X86_64}, "no Linux kernel for x86_64", "/boot/vmlinuz-* /lib/modules/*/vmlinuz", "apt-get install linux-image-cloud-amd64", "linuxPackages.kernel")
	contains(Where{Root: dir, Arch: UM}, "no Linux kernel for um", "/usr/bin/linux.uml", "apt-get install user-mode-linux")
	put(t, dir+"/boot/vmlinuz-6.9.0", madeX86("6.9.0"))
	contains(Where{Root: dir}, dir+"/boot/vmlinuz-6.9.0: has no modules in "+dir+"/lib/modules/6.9.0")
	contains(Where{Root: dir, Arch: AArch64}, dir+"/boot/vmlinuz-6.9.0: is a kernel for x86_64, and one for aarch64 is needed")
	contains(Where{Kernel: dir + "/boot/vmlinuz-6.9.0"}, "no modules of that kernel, which is 6.9.0, are beside it or in /lib/modules", "name their folder too")
	contains(Where{Kernel: dir + "/none"}, dir+"/none: no such file or directory")
	contains(Where{Modules: dir}, dir+": modules are of use with the kernel")
	put(t, dir+"/nix/store/x/kernel", madeX86("6.9.0"))
	contains(Where{StoreRoot: dir, Toplevel: "/nix/store/x"}, dir+"/nix/store/x/kernel-modules: no such file")
	contains(Where{StoreRoot: dir, Toplevel: "/nix/store/none", Root: dir + "/none"}, "no Linux kernel")
	put(t, dir+"/other/6.8.0/kernel/a.ko", madeModule("depends="))
	contains(Where{Kernel: dir + "/boot/vmlinuz-6.9.0", Modules: dir + "/other"}, dir+"/other/6.8.0: are the modules of 6.8.0, but "+dir+"/boot/vmlinuz-6.9.0 is 6.9.0")
}

// TestUnreadableKernelsAreSaidToBeSo runs as an ordinary user in a process of
// its own where the test is root's.
func TestUnreadableKernelsAreSaidToBeSo(t *testing.T) {
	dir := t.TempDir()
	install(t, dir, "/boot/vmlinuz-6.8.0-45-generic", "6.8.0-45-generic")
	must(t, os.Chmod(dir+"/boot/vmlinuz-6.8.0-45-generic", 0))
	var said string
	if os.Geteuid() == 0 {
		must(t, os.Chmod(dir, 0o755))
		must(t, os.Chmod(filepath.Dir(dir), 0o755)) // of all that this test makes
		program := dir + "/test"
		self, err := os.ReadFile("/proc/self/exe")
		must(t, err)
		must(t, os.WriteFile(program, self, 0o755))
		said = judge.Must(t, "setpriv", "--reuid", "65534", "--clear-groups", "env", findVariable+"="+dir, program)
	} else {
		_, err := Find(Where{Root: dir})
		said = err.Error()
	}
	if !strings.Contains(said, dir+"/boot/vmlinuz-6.8.0-45-generic: permission denied, as Ubuntu installs its kernels: make it readable with `chmod a+r`") {
		t.Errorf("got %s", said)
	}
}

func TestFindReadsANixOSSystem(t *testing.T) {
	dir := t.TempDir()
	const toplevel, linux, modules, zfs = "/nix/store/a-nixos-system", "/nix/store/b-linux", "/nix/store/c-kernel-modules", "/nix/store/d-zfs"
	link(t, linux+"/bzImage", dir+toplevel+"/kernel")
	link(t, modules, dir+toplevel+"/kernel-modules")
	put(t, dir+linux+"/bzImage", madeX86("6.6.32"))
	put(t, dir+linux+"-modules/lib/modules/6.6.32/kernel/fs/vfat.ko.xz", packed(t, madeModule("depends=fat,spl"), "xz"))
	put(t, dir+linux+"-modules/lib/modules/6.6.32/kernel/fs/fat.ko.xz", packed(t, madeModule("depends="), "xz"))
	put(t, dir+zfs+"/lib/modules/6.6.32/extra/spl.ko.xz", packed(t, madeModule("depends="), "xz"))
	link(t, linux+"-modules/lib/modules/6.6.32/kernel", dir+modules+"/lib/modules/6.6.32/kernel")
	link(t, zfs+"/lib/modules/6.6.32/extra/spl.ko.xz", dir+modules+"/lib/modules/6.6.32/extra/spl.ko.xz")
	for _, w := range []Where{
		{StoreRoot: dir, Toplevel: toplevel},
		{StoreRoot: dir, Kernel: dir + toplevel + "/kernel", Modules: dir + toplevel + "/kernel-modules"},
		{StoreRoot: dir, Kernel: dir + toplevel + "/kernel", Modules: dir + toplevel},
	} {
		k, err := Find(w)
		if err != nil || k.Path != dir+linux+"/bzImage" || k.Version != "6.6.32" || k.Folder != dir+modules+"/lib/modules/6.6.32" {
			t.Errorf("got %+v, %v", k, err)
			continue
		}
		found, err := k.Modules(context.Background(), wants("vfat"))
		must(t, err)
		var files []string
		for _, m := range found {
			files = append(files, m.File)
		}
		if !slices.Equal(files, []string{"fat.ko", "spl.ko", "vfat.ko"}) {
			t.Errorf("the modules are %s", files)
		}
	}
}

func TestANamedKernelHasItsModulesNearby(t *testing.T) {
	for kernel, modules := range map[string]string{
		"boot/vmlinuz": "lib/modules/6.1", "boot/vmlinuz-6.1": "usr/lib/modules/6.1", "vmlinuz": "modules/6.1", "bzImage": "lib/modules/6.1", "kernel": "kernel-modules/lib/modules/6.1", "bin/linux": "lib/uml/modules/6.1",
	} {
		dir := t.TempDir()
		put(t, dir+"/"+kernel, madeX86("6.1"))
		put(t, dir+"/"+modules+"/kernel/a.ko", madeModule("depends="))
		if k, err := Find(Where{Kernel: dir + "/" + kernel}); err != nil || k.Folder != dir+"/"+modules {
			t.Errorf("%s: got %q, %v", kernel, k.Folder, err)
		}
	}
}

func TestAFolderOfModulesMayHaveAnyName(t *testing.T) {
	dir := t.TempDir()
	put(t, dir+"/bzImage", madeX86("6.1"))
	put(t, dir+"/mine/kernel/a.ko", madeModule("depends="))
	if k, err := Find(Where{Kernel: dir + "/bzImage", Modules: dir + "/mine"}); err != nil || k.Folder != dir+"/mine" {
		t.Errorf("got %q, %v", k.Folder, err)
	}
}

func TestAKernelWithoutAFolderHasNoModules(t *testing.T) {
	k := Kernel{Version: "6.1"}
	var missing *MissingModuleError
	if _, err := k.Modules(context.Background(), wants("a?", "b")); !errors.As(err, &missing) || missing.Module != "b" || !strings.Contains(err.Error(), "name their folder, lib/modules/6.1") {
		t.Errorf("got %v", err)
	}
	if found, err := k.Modules(context.Background(), wants("a?")); found != nil || err != nil {
		t.Errorf("got %v, %v", found, err)
	}
}

func TestVersionsAreComparedByTheirNumbers(t *testing.T) {
	sorted := []string{"5.10", "6.1.0-9-amd64", "6.1.0-10-amd64", "6.1.0-10-cloud-amd64", "6.9.3", "6.10.0-rc1", "6.10.1", "linux", "linux-lts"}
	got := slices.Clone(sorted)
	slices.Reverse(got)
	slices.SortFunc(got, compare)
	if !slices.Equal(got, sorted) {
		t.Errorf("got %q", got)
	}
}
