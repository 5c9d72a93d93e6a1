package kernel

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/build/guest/initramfs"
	"github.com/reprodisk/reprodisk/internal/judge"
)

const (
	guestOrder   = "/order" // the file of the archive that lists the modules
	guestProgram = "/bin/dynamic"
	guestSays    = "REPRODISK: "
)

// guest is the init of a virtual machine: it loads the modules, mounts what can
// be mounted with them alone, and says how it went.
func guest() {
	say := func(what string, err error) { fmt.Printf("%s%s: %v\n", guestSays, what, err) }
	mount := func(source, target, kind string) {
		err := os.MkdirAll(target, 0o755)
		if err == nil {
			err = unix.Mount(source, target, kind, 0, "")
		}
		say(target, err)
	}
	mount("devtmpfs", "/dev", "devtmpfs")
	list, err := os.ReadFile(guestOrder)
	say(guestOrder, err)
	for name := range strings.FieldsSeq(string(list)) {
		module, err := os.ReadFile("/modules/" + name)
		if err == nil {
			err = unix.InitModule(module, "")
		}
		say(name, err)
	}
	mount("/dev/vda", "/ext4", "ext4")
	mount("/dev/vdb", "/vfat", "vfat")
	for _, name := range []string{"/ext4/file", "/vfat/a file.text"} {
		b, err := os.ReadFile(name)
		say(name+" "+string(b), err)
	}
	out, err := exec.Command(guestProgram).CombinedOutput()
	say(string(out), err)
	say("off", unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF))
}

// TestAGuestStartsWithWhatIsFound boots the kernel with an archive of the
// modules that it needs and of programs, and has it mount both filesystems.
func TestAGuestStartsWithWhatIsFound(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a virtual machine")
	}
	path, modules := installedKernel(t)
	k, err := Find(Where{Kernel: path, Modules: modules, Arch: X86_64})
	must(t, err)
	found, err := k.Modules(context.Background(), k.Needed(true))
	must(t, err)
	dir := t.TempDir()

	entries, err := initramfs.Program("/proc/self/exe", "/init")
	must(t, err)
	put(t, dir+"/dynamic.c", "#include <stdio.h>\n#include <math.h>\nint main(int n, char **v) { printf(\"a program says %.0f\", cbrt(26.0 + n)); return 0; }\n")
	judge.Must(t, "gcc", "-o", dir+"/dynamic", dir+"/dynamic.c", "-lm")
	program, err := initramfs.Program(dir+"/dynamic", guestProgram)
	must(t, err)
	order := ""
	for _, m := range found {
		order += m.File + "\n"
		entries = append(entries, initramfs.Entry{Name: "modules/" + m.File, Mode: unix.S_IFREG | 0o644, Size: m.Size, Open: m.Open})
	}
	entries = slices.Concat(entries, initramfs.Early(), []initramfs.Entry{initramfs.Bytes(guestOrder, 0o644, []byte(order))})
	for _, e := range program {
		// This test's program may need the C library too.
		if !slices.ContainsFunc(entries, func(other initramfs.Entry) bool { return other.Name == e.Name }) {
			entries = append(entries, e)
		}
	}
	archive, err := os.Create(dir + "/initrd")
	must(t, err)
	must(t, initramfs.Write(archive, entries))
	must(t, archive.Close())

	put(t, dir+"/tree/file", "on ext4")
	judge.Must(t, "mkfs.ext4", "-q", "-O", "metadata_csum", "-d", dir+"/tree", dir+"/ext4", "16M")
	put(t, dir+"/file", "on vfat")
	judge.Must(t, "mkfs.vfat", "-C", dir+"/vfat", "2048")
	judge.Must(t, "mcopy", "-i", dir+"/vfat", dir+"/file", "::/a file.text")

	// Long enough for any machine; one that stands still never ends.
	ctx, cancel := context.WithTimeout(context.Background(), 12*time.Minute)
	defer cancel()
	args := []string{
		"-machine", "q35,accel=tcg", "-cpu", "max", "-m", "256", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-serial", "stdio",
		"-kernel", k.Path, "-initrd", archive.Name(), "-append", "console=ttyS0 panic=-1 quiet", "-device", "virtio-serial-pci", "-device", "virtio-rng-pci",
	}
	for i, disk := range []string{"ext4", "vfat"} {
		args = append(args, "-drive", fmt.Sprintf("if=none,id=d%d,format=raw,file=%s", i, filepath.Join(dir, disk)), "-device", fmt.Sprintf("virtio-blk-pci,drive=d%d", i))
	}
	out, err := exec.CommandContext(ctx, judge.Tool(t, "qemu-system-x86_64"), args...).CombinedOutput()
	if err != nil {
		t.Errorf("qemu: %v", err)
	}
	want := []string{"/dev: <nil>", guestOrder + ": <nil>"}
	for _, m := range found {
		// Without firmware there are no variables, and without them the module refuses.
		if m.Name != "efivarfs" {
			want = append(want, m.File+": <nil>")
		}
	}
	want = append(want, "/ext4: <nil>", "/vfat: <nil>", "/ext4/file on ext4: <nil>", "/vfat/a file.text on vfat: <nil>", "a program says 3: <nil>")
	for _, line := range want {
		if !strings.Contains(string(out), guestSays+line) {
			t.Errorf("it does not say %q", line)
		}
	}
	if t.Failed() {
		t.Logf("it says\n%s", out)
	}
}
