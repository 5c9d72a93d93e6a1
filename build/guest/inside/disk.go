package inside

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/build/guest/job"
	"github.com/reprodisk/reprodisk/internal/patherr"
)

// diskLimit is how long a disk may take to appear after its driver.
const diskLimit = 20 * time.Second

// disk is the guest's disk as it is named in /dev.
type disk struct {
	kernel     string         // the kernel's own name of it
	name       string         // its name in /dev
	partitions map[int]string // names in /dev, by number
}

// device is the path of a partition, or of the whole disk.
func (d *disk) device(partition int) string {
	if partition == 0 {
		return "/dev/" + d.name
	}
	return "/dev/" + d.partitions[partition]
}

// await waits for a disk and the partitions that the mounts name, and names
// them as they will be in dev.
func await(sys, dev, name string, mounts []job.Mount, limit time.Duration) (d disk, err error) {
	if !fs.ValidPath(name) || strings.Contains(name, "/") || name == "." {
		return d, fmt.Errorf("%q is not the name of a disk", name)
	}
	for until := time.Now().Add(limit); ; time.Sleep(pause) {
		if d, err = look(sys, dev, name, mounts); err == nil || time.Now().After(until) {
			return d, err
		}
	}
}

// look is await's single look.
func look(sys, dev, name string, mounts []job.Mount) (d disk, err error) {
	d = disk{kernel: name, name: name}
	if _, err := os.Lstat(filepath.Join(dev, name)); err != nil {
		have := "none"
		if names := blockDevices(sys); len(names) > 0 {
			have = strings.Join(names, " ")
		}
		return d, fmt.Errorf("the disk %s has not appeared: the kernel has no driver for it, for virtio give it the modules virtio_pci and virtio_blk; it knows these disks: %s", name, have)
	}
	d.partitions = d.kernelPartitions(sys)
	for _, m := range mounts {
		p, ok := d.partitions[m.Partition]
		if ok {
			_, err := os.Lstat(filepath.Join(dev, p))
			ok = err == nil
		}
		if !ok && m.Partition != 0 {
			have := []string{}
			for _, n := range slices.Sorted(maps.Keys(d.partitions)) {
				have = append(have, strconv.Itoa(n))
			}
			return d, fmt.Errorf("the disk %s has no partition %d for %s: the kernel sees these in its table: %s", name, m.Partition, m.Target, strings.Join(append(have, "no more"), ", "))
		}
	}
	return d, nil
}

// blockDevices are the names of all that the kernel has.
func blockDevices(sys string) (names []string) {
	entries, _ := os.ReadDir(filepath.Join(sys, "class/block"))
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// umlDisk begins the names of the disks of user-mode Linux.
const umlDisk = "ubd"

// rename gives a disk of user-mode Linux the names that GRUB knows, whose
// programs take a disk for a partition and the other way round by its name.
func (d *disk) rename(dev string) error {
	if !strings.HasPrefix(d.name, umlDisk) {
		return nil
	}
	if err := os.Rename(filepath.Join(dev, d.name), filepath.Join(dev, job.Disk)); err != nil {
		return fmt.Errorf("cannot rename the disk: %w", patherr.Bare(err))
	}
	for n, name := range d.partitions {
		d.partitions[n] = job.Disk + strconv.Itoa(n)
		if err := os.Rename(filepath.Join(dev, name), filepath.Join(dev, d.partitions[n])); err != nil {
			return fmt.Errorf("cannot rename partition %d: %w", n, patherr.Bare(err))
		}
	}
	d.name = job.Disk
	return nil
}

// links makes what udev would make, as far as boot loaders' installers look for
// it: block/MAJOR:MINOR for every device, and the aliases of the disk.
func (d *disk) links(sys, dev string, aliases []string) error {
	ours := map[string]string{d.kernel: d.name}
	for n, name := range d.kernelPartitions(sys) {
		ours[name] = d.partitions[n]
	}
	for _, name := range blockDevices(sys) {
		b, err := os.ReadFile(filepath.Join(sys, "class/block", name, "dev"))
		if err != nil {
			continue
		}
		now, ok := ours[name]
		if !ok {
			now = strings.ReplaceAll(name, "!", "/")
		}
		if err := link("../"+now, filepath.Join(dev, "block", strings.TrimSpace(string(b)))); err != nil {
			return err
		}
	}
	for _, a := range aliases {
		below, ok := strings.CutPrefix(path.Clean(a), "/dev/")
		if !ok || !fs.ValidPath(below) {
			return fmt.Errorf("the disk cannot be %s as well: name a path below /dev", a)
		}
		if below == d.name {
			continue
		}
		if err := link("/dev/"+d.name, filepath.Join(dev, below)); err != nil {
			return fmt.Errorf("the disk cannot be %s as well: %w", a, patherr.Bare(err))
		}
	}
	return nil
}

// kernelPartitions are the kernel's own names of the disk's partitions.
func (d *disk) kernelPartitions(sys string) map[int]string {
	out := map[int]string{}
	numbers, _ := filepath.Glob(filepath.Join(sys, "class/block", d.kernel, "*/partition"))
	for _, n := range numbers {
		if b, err := os.ReadFile(n); err == nil {
			if i, err := strconv.Atoi(strings.TrimSpace(string(b))); err == nil && i > 0 {
				out[i] = filepath.Base(filepath.Dir(n))
			}
		}
	}
	return out
}

// link makes a symbolic link and the folders to it. One that is there already
// and says the same is fine.
func link(to, at string) error {
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		return patherr.At(filepath.Dir(at), err)
	}
	err := os.Symlink(to, at)
	if errors.Is(err, unix.EEXIST) {
		if have, e := os.Readlink(at); e == nil && have == to {
			return nil
		}
	}
	if err != nil {
		return patherr.At(at, err)
	}
	return nil
}
