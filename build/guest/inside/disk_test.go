package inside

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/build/guest/job"
)

// machineOf is a /sys and a /dev with the block devices named, each with its
// number and, of a partition, its number in the table.
func machineOf(t *testing.T, devices map[string]string) (sys, dev string) {
	t.Helper()
	sys, dev = t.TempDir(), t.TempDir()
	write := func(path, content string) {
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, []byte(content+"\n"), 0o644))
	}
	must(t, os.MkdirAll(filepath.Join(sys, "class/block"), 0o755))
	for name, about := range devices {
		number, partition, _ := strings.Cut(about, " ")
		place := filepath.Join(sys, "devices", name)
		if partition != "" {
			disk, n, _ := strings.Cut(partition, " ")
			place = filepath.Join(sys, "devices", disk, name)
			write(filepath.Join(place, "partition"), n)
		}
		write(filepath.Join(place, "dev"), number)
		must(t, os.Symlink(place, filepath.Join(sys, "class/block", name)))
		write(filepath.Join(dev, name), name)
	}
	return sys, dev
}

func TestDisks(t *testing.T) {
	for _, c := range []struct {
		devices map[string]string
		disk    string
		want    map[int]string // devices by partition
		links   map[string]string
	}{
		{
			map[string]string{"vda": "254:0", "vda1": "254:1 vda 1", "vda12": "254:12 vda 12", "vdb": "254:16", "vdb1": "254:17 vdb 1"},
			"vda",
			map[int]string{0: "/dev/vda", 1: "/dev/vda1", 12: "/dev/vda12"},
			map[string]string{"254:0": "vda", "254:12": "vda12", "254:17": "vdb1"},
		},
		{
			map[string]string{"ubda": "98:0", "ubda1": "98:1 ubda 1", "ubda2": "98:2 ubda 2", "ubdb": "98:16"},
			"ubda",
			map[int]string{0: "/dev/vda", 1: "/dev/vda1", 2: "/dev/vda2"},
			map[string]string{"98:0": "ubda", "98:2": "ubda2", "98:16": "ubdb"},
		},
		{
			map[string]string{"nvme0n1": "259:0", "nvme0n1p3": "259:1 nvme0n1 3"},
			"nvme0n1",
			map[int]string{0: "/dev/nvme0n1", 3: "/dev/nvme0n1p3"},
			map[string]string{"259:1": "nvme0n1p3"},
		},
	} {
		sys, dev := machineOf(t, c.devices)
		var mounts []job.Mount
		for n := range c.want {
			mounts = append(mounts, job.Mount{Partition: n})
		}
		d, err := await(sys, dev, c.disk, mounts, 0)
		must(t, err)
		must(t, d.rename(dev))
		must(t, d.links(sys, dev, []string{"/dev/sda", "/dev/disk/by-id/x y", d.device(0), "/dev/sda"}))
		for n, want := range c.want {
			if got := d.device(n); got != want {
				t.Errorf("partition %d is %s, want %s", n, got, want)
			}
			if _, err := os.Stat(filepath.Join(dev, strings.TrimPrefix(want, "/dev/"))); err != nil {
				t.Error(err)
			}
		}
		for number, want := range c.links {
			if b, err := os.ReadFile(filepath.Join(dev, "block", number)); err != nil || string(b) != want+"\n" {
				t.Errorf("%s is %q, %v", number, b, err)
			}
		}
		for _, alias := range []string{"sda", "disk/by-id/x y"} {
			if to, err := os.Readlink(filepath.Join(dev, alias)); err != nil || to != d.device(0) {
				t.Errorf("%s is %q, %v", alias, to, err)
			}
		}
	}
}

func TestDisksThatAreNotThere(t *testing.T) {
	sys, dev := machineOf(t, map[string]string{"vda": "254:0", "vda1": "254:1 vda 1", "sr0": "11:0"})
	for _, c := range []struct {
		disk      string
		partition int
		want      string
	}{
		{"vdb", 0, "the disk vdb has not appeared: the kernel has no driver for it, for virtio give it the modules virtio_pci and virtio_blk; it knows these disks: sr0 vda vda1"},
		{"vda", 2, "the disk vda has no partition 2 for /boot: the kernel sees these in its table: 1, no more"},
		{"sr0", 1, "the disk sr0 has no partition 1 for /boot: the kernel sees these in its table: no more"},
		{"../vda", 0, `"../vda" is not the name of a disk`},
		{"", 0, `"" is not the name of a disk`},
	} {
		if _, err := await(sys, dev, c.disk, []job.Mount{{Partition: c.partition, Target: "/boot"}}, 0); err == nil || err.Error() != c.want {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
	d, err := await(sys, dev, "vda", nil, 0)
	must(t, err)
	for alias, want := range map[string]string{
		"/tmp/sda":    "the disk cannot be /tmp/sda as well: name a path below /dev",
		"/dev/../sda": "the disk cannot be /dev/../sda as well: name a path below /dev",
		"/dev/vda1":   "the disk cannot be /dev/vda1 as well: " + filepath.Join(dev, "vda1") + ": file exists",
	} {
		if err := d.links(sys, dev, []string{alias}); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestDamageIsSeen(t *testing.T) {
	sys, dev := machineOf(t, map[string]string{"ubda": "98:0", "ubda1": "98:1 ubda 1", "ubda2": "98:2 ubda 2"})
	g := &guest{job: job.Job{Mounts: []job.Mount{{Partition: 1, Type: "ext4", Target: "/"}, {Partition: 2, Type: "vfat", Target: "/boot"}}}}
	var err error
	g.disk, err = await(sys, dev, "ubda", g.job.Mounts, 0)
	must(t, err)
	must(t, g.disk.rename(dev))
	count := filepath.Join(sys, "fs/ext4/ubda1/errors_count")
	must(t, os.MkdirAll(filepath.Dir(count), 0o755))
	for content, want := range map[string]string{"0\n": "", "2\n": "the filesystem of / is damaged: the kernel found 2 errors"} {
		must(t, os.WriteFile(count, []byte(content), 0o644))
		if err := g.damage(sys); err == nil && want != "" || err != nil && err.Error() != want {
			t.Errorf("%q: %v", content, err)
		}
	}
}

func TestMountOptions(t *testing.T) {
	for in, want := range map[string]string{
		"":                                "0 ",
		"defaults,rw":                     "0 ",
		"noatime,umask=0077,ro,shortname": fmt.Sprint(uintptr(unix.MS_NOATIME|unix.MS_RDONLY), " umask=0077,shortname"),
		"nosuid,,nodev":                   fmt.Sprint(uintptr(unix.MS_NOSUID|unix.MS_NODEV), " "),
	} {
		flags, data := options(in)
		if got := fmt.Sprint(flags, " ", data); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}

// TestHolders has a mount that is busy for each reason that a user can have.
func TestHolders(t *testing.T) {
	if !alone(t) {
		return
	}
	at := filepath.Join(t.TempDir(), "a mount")
	must(t, os.Mkdir(at, 0o755))
	must(t, unix.Mount("tmpfs", at, "tmpfs", 0, ""))
	must(t, os.Mkdir(filepath.Join(at, "below"), 0o755))
	must(t, unix.Mount("tmpfs", filepath.Join(at, "below"), "tmpfs", 0, ""))
	places, err := mountsBelow("/proc/self/mountinfo", at)
	must(t, err)
	if len(places) != 2 || places[0] != at || places[1] != filepath.Join(at, "below") {
		t.Errorf("%q", places)
	}
	f, err := os.Create(filepath.Join(at, "below/file"))
	must(t, err)
	if got := holders("/proc", "/nowhere", places[1]); !strings.HasPrefix(got, "still in use by ") || !strings.Contains(got, "process 1 (") {
		t.Errorf("%s", got)
	}
	must(t, f.Close())
	sys := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(sys, "class/block/loop3/loop"), 0o755))
	must(t, os.WriteFile(filepath.Join(sys, "class/block/loop3/loop/backing_file"), []byte(job.Root+"/swap file\n"), 0o644))
	if got := holders("/nowhere", sys, at); got != "still in use by loop3 on /swap file" {
		t.Errorf("%s", got)
	}
	if got := holders("/nowhere", "/nowhere", at); got != "something in the kernel still uses it" {
		t.Errorf("%s", got)
	}
	for _, p := range []string{places[1], places[0]} {
		must(t, unix.Unmount(p, 0))
	}
}
