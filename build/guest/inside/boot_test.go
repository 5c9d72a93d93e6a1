package inside

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/build/guest/initramfs"
	"github.com/reprodisk/reprodisk/build/guest/job"
	"github.com/reprodisk/reprodisk/build/guest/machine"
	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/judge/installers"
)

// modules are those that the tests' jobs need, in the order in which they are
// loaded. What is a part of the kernel is no file.
var modules = []string{
	"virtio_ring", "virtio", "virtio_pci_modern_dev", "virtio_pci_legacy_dev", "virtio_pci", "virtio_blk", "virtio_console",
	"fat", "vfat", "nls_cp437", "nls_ascii",
}

// boot starts a machine that does a job on a disk, with this very program as
// its init.
func boot(t *testing.T, disk string, memory int, j job.Job) (events []job.Event, err error) {
	t.Helper()
	judge.Tool(t, "qemu-system-x86_64")
	kernel, folder := judge.Given(t, judge.KernelVariable), judge.Given(t, judge.ModulesVariable)
	self, err := os.Executable()
	must(t, err)
	entries, err := initramfs.Program(self, job.Init)
	must(t, err)
	entries = append(entries, initramfs.Early()...)
	files := map[string]string{}
	must(t, filepath.WalkDir(folder, func(path string, _ fs.DirEntry, err error) error {
		files[filepath.Base(path)] = path
		return err
	}))
	for _, m := range modules {
		if path, ok := files[m+".ko"]; ok {
			e, err := initramfs.File(job.Modules+"/"+m+".ko", 0o644, path)
			must(t, err)
			entries, j.Modules = append(entries, e), append(j.Modules, m+".ko")
		}
	}
	j.Disk = job.Disk
	raw, err := json.Marshal(j)
	must(t, err)
	entries = append(entries, initramfs.Bytes(job.File, 0o600, raw))
	archive, err := os.Create(filepath.Join(t.TempDir(), "initrd"))
	must(t, err)
	defer archive.Close()
	must(t, initramfs.Write(archive, entries))
	d, err := os.OpenFile(disk, os.O_RDWR, 0)
	must(t, err)
	defer d.Close()
	console := &strings.Builder{}
	report, err := machine.Run(t.Context(), machine.Config{
		Kernel: kernel, Initrd: archive, Disk: d, MemMiB: memory, Accel: machine.TCG, Console: console,
		Event: func(e job.Event) { events = append(events, e) },
	})
	if t.Logf("ready after %v, ended after %v", report.Ready, report.Ended); err != nil {
		t.Logf("%v\n%s", err, console)
	}
	return events, err
}

// output are the lines that a step has printed.
func output(events []job.Event, step string) (lines []string) {
	for _, e := range events {
		if e.Kind == job.Output && e.Step == step {
			lines = append(lines, e.Text)
		}
	}
	return lines
}

// TestAJobIsDone has a job of steps of each sort done on a disk. The installers
// of boot loaders have their test in package build.
func TestAJobIsDone(t *testing.T) {
	if testing.Short() {
		t.Skip("a machine takes ten seconds")
	}
	dir := t.TempDir()
	root, disk := filepath.Join(dir, "root"), filepath.Join(dir, "disk")
	installers.Root(t, root)
	must(t, os.WriteFile(filepath.Join(root, "etc/machine-id"), []byte("gone\n"), 0o444))
	must(t, os.RemoveAll(filepath.Join(root, "sys")))
	must(t, os.WriteFile(filepath.Join(root, "home/alice/tool"), nil, 0o644))
	must(t, unix.Chmod(filepath.Join(root, "home/alice/tool"), 0o4755))
	must(t, os.WriteFile(disk, nil, 0o644))
	must(t, os.Truncate(disk, 160<<20))
	judge.Must(t, "sgdisk", "-a", "1", "-n", "1:34:2047", "-t", "1:ef02", "-n", "2:2048:+64M", "-t", "2:ef00", "-n", "3:0:0", disk)
	judge.Must(t, "mkfs.vfat", "--offset", "2048", disk, "65536")
	judge.Must(t, "mkfs.ext4", "-q", "-F", "-d", root, "-E", fmt.Sprint("offset=", 65<<20), disk, "90M")
	epoch := int64(1_500_000_000)
	path := []string{"PATH=/bin"}
	events, err := boot(t, disk, 256, job.Job{
		Epoch: &epoch, Seed: []byte("a seed of some bytes"), Aliases: []string{"/dev/sda", "/dev/disk/by-id/the-disk"}, Beat: 50,
		Mounts: []job.Mount{{Partition: 3, Type: "ext4", Target: "/", Options: "noatime"}, {Partition: 2, Type: "vfat", Target: "/boot", Options: "umask=0077"}},
		Steps: []job.Step{
			{Name: "remove", Remove: &job.Remove{Path: "/etc/machine-id"}},
			{Name: "may fail", Run: &job.Run{Argv: []string{"false"}, Env: path, MayFail: true}},
			{Name: "look", Run: &job.Run{Argv: []string{"sh", "-c", `
				for l in /dev/sda /dev/disk/by-id/the-disk /dev/block/*:3; do readlink $l; done; uname -s; head -c 4 /proc/self/comm; echo; ls -d /sys/block/vda /run /dev/pts /dev/shm
				cp /etc/os-release /boot; busybox usleep 300000
				[ $(busybox date +%s) -lt 1500000300 ] && [ $(busybox date +%s) -ge 1500000000 ] && echo at the time`}, Env: path}},
			{Name: "own", Own: &job.Own{Path: "/home/alice", User: "alice", Group: "users"}},
		},
	})
	must(t, err)
	var order []string
	alive := 0
	for _, e := range events {
		switch e.Kind {
		case job.Output:
		case job.Alive:
			alive++
		default:
			order = append(order, strings.TrimSpace(string(e.Kind)+" "+e.Step))
		}
	}
	if got, want := strings.Join(order, ", "), "ready, began mount the filesystems, began remove, began may fail, began look, began own, began unmount the filesystems, done"; got != want {
		t.Errorf("%s; want %s", got, want)
	}
	if alive == 0 {
		t.Error("it was never alive")
	}
	for step, want := range map[string]string{
		job.MountStep: "the image has no folder /sys: made",
		"may fail":    "goes on after: exit status 1",
		"look":        "/dev/vda\n/dev/vda\n../vda3\nLinux\nhead\n/dev/pts\n/dev/shm\n/run\n/sys/block/vda\nat the time",
	} {
		if got := strings.Join(output(events, step), "\n"); !strings.Contains(got, want) {
			t.Errorf("%s printed %q, want %q", step, got, want)
		}
	}
	judge.Must(t, "mdir", "-i", fmt.Sprintf("%s@@%d", disk, 1<<20), "::os-release")
	part := filepath.Join(dir, "part")
	cut(t, disk, part, 65<<20, 90<<20)
	judge.Must(t, "e2fsck", "-fn", part)
	if out := judge.Must(t, "debugfs", "-R", "stat /home/alice/tool", part); !strings.Contains(out, "Mode:  04755") || !strings.Contains(out, "User:  1000   Group:   100") {
		t.Error(out)
	}
	if out := judge.Run(t, "debugfs", "-R", "stat /etc/machine-id", part); !strings.Contains(out.Stderr, "File not found") {
		t.Error(out)
	}
}

// TestNoMemory: a program that the guest's kernel ends for want of memory is
// told apart from others that fail.
func TestNoMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("a machine takes five seconds")
	}
	root, _ := imageRoot(t)
	disk := filepath.Join(t.TempDir(), "disk")
	must(t, os.WriteFile(disk, nil, 0o644))
	must(t, os.Truncate(disk, 16<<20))
	judge.Must(t, "mkfs.ext4", "-q", "-F", "-d", root, disk)
	events, err := boot(t, disk, 128, job.Job{
		Mounts: []job.Mount{{Type: "ext4", Target: "/"}}, Beat: 1000,
		Steps: []job.Step{{Name: "greedy", Run: &job.Run{Argv: []string{"busybox", "tail", "/dev/zero"}, Env: []string{"PATH=/bin"}}}},
	})
	var failed *machine.Error
	if !errors.As(err, &failed) || failed.Ending != machine.Failed || failed.Step != "greedy" || !failed.Memory || !strings.Contains(failed.Text, "ended by signal 9, SIGKILL") {
		t.Errorf("%+v", failed)
	}
	if last := events[len(events)-1]; last.Kind != job.Failed || !last.Memory {
		t.Errorf("%+v", last)
	}
}

// cut copies a part of a disk.
func cut(t *testing.T, disk, to string, offset, length int64) {
	t.Helper()
	f, err := os.Open(disk)
	must(t, err)
	defer f.Close()
	b := make([]byte, length)
	_, err = f.ReadAt(b, offset)
	must(t, err)
	must(t, os.WriteFile(to, b, 0o644))
}
