package inside

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/build/guest/job"
)

// unmountAll takes down every mount below job.Root, those of programs too, the
// last first, and has all written.
func (g *guest) unmountAll() error {
	if err := g.damage("/sys"); err != nil {
		return err
	}
	if g.image >= 0 {
		unix.Close(g.image)
		g.image = -1
	}
	mounts, err := mountsBelow("/proc/self/mountinfo", job.Root)
	if err != nil {
		return err
	}
	for _, m := range slices.Backward(mounts) {
		if err := unix.Unmount(m, unix.UMOUNT_NOFOLLOW); err != nil {
			shown := strings.TrimPrefix(m, job.Root)
			if errors.Is(err, unix.EBUSY) {
				return fmt.Errorf("cannot unmount /%s: %s", strings.TrimPrefix(shown, "/"), holders("/proc", "/sys", m))
			}
			return fmt.Errorf("cannot unmount /%s: %w", strings.TrimPrefix(shown, "/"), err)
		}
	}
	unix.Sync()
	return flushDisk(g.disk.device(0))
}

// flushDisk has the disk written, as what a program wrote past the filesystems
// must be, and says whether that went well.
func flushDisk(device string) error {
	fd, err := unix.Open(device, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err == nil {
		defer unix.Close(fd)
		err = unix.Fsync(fd)
	}
	if err != nil {
		return fmt.Errorf("the disk could not be written: %w", err)
	}
	return nil
}

// damage reports errors that the kernel has found in an ext4 filesystem of the
// image while it was mounted.
func (g *guest) damage(sys string) error {
	kernels := g.disk.kernelPartitions(sys)
	kernels[0] = g.disk.kernel
	for _, m := range g.job.Mounts {
		b, err := os.ReadFile(filepath.Join(sys, "fs", m.Type, kernels[m.Partition], "errors_count"))
		if n := strings.TrimSpace(string(b)); err == nil && n != "0" && n != "" {
			return fmt.Errorf("the filesystem of %s is damaged: the kernel found %s errors%s", m.Target, n, g.log.complaint())
		}
	}
	return nil
}

// mountsBelow are the places of mounts at a folder and below it, in the order in
// which they were mounted. The format is in proc(5).
func mountsBelow(mountinfo, folder string) (places []string, err error) {
	b, err := os.ReadFile(mountinfo)
	if err != nil {
		return nil, fmt.Errorf("cannot tell what is mounted: %w", err)
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) < 5 {
			continue
		}
		if place := unescape(f[4]); place == folder || strings.HasPrefix(place, folder+"/") {
			places = append(places, place)
		}
	}
	return places, nil
}

// unescape undoes the octal numbers that the kernel writes for blanks and the
// like.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// holders says what keeps a mount busy: loop devices, swap, or processes, of
// which there should be none left.
func holders(proc, sys, at string) string {
	var who []string
	if b, err := os.ReadFile(filepath.Join(proc, "swaps")); err == nil {
		for i, line := range slices.Collect(strings.Lines(string(b))) {
			if f := strings.Fields(line); i > 0 && len(f) > 0 {
				who = append(who, "swap on "+strings.TrimPrefix(unescape(f[0]), job.Root))
			}
		}
	}
	loops, _ := filepath.Glob(filepath.Join(sys, "class/block/loop*/loop/backing_file"))
	for _, l := range loops {
		if b, err := os.ReadFile(l); err == nil {
			who = append(who, fmt.Sprintf("%s on %s", strings.Split(strings.TrimPrefix(l, sys), "/")[3], strings.TrimPrefix(strings.TrimSpace(string(b)), job.Root)))
		}
	}
	for _, kind := range []string{"cwd", "root", "exe", "fd/*"} {
		found, _ := filepath.Glob(filepath.Join(proc, "[0-9]*", kind))
		for _, f := range found {
			if to, err := os.Readlink(f); err != nil || to != at && !strings.HasPrefix(to, at+"/") {
				continue
			}
			pid := strings.Split(strings.TrimPrefix(f, proc), "/")[1]
			name, _ := os.ReadFile(filepath.Join(proc, pid, "comm"))
			if w := fmt.Sprintf("process %s (%s)", pid, strings.TrimSpace(string(name))); !slices.Contains(who, w) {
				who = append(who, w)
			}
		}
	}
	if len(who) == 0 {
		return "something in the kernel still uses it"
	}
	return "still in use by " + strings.Join(who, ", ")
}
