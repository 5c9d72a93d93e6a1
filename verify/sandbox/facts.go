package sandbox

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/reprodisk/reprodisk/internal/patherr"
)

// mountFacts binds the files over those of the machine that say what the world
// has otherwise.
func (o *orders) mountFacts(*layout) error {
	files := map[string]string{}
	w := &o.World
	if w.CPUs > 0 {
		info, _ := os.ReadFile(oldRoot + "/proc/cpuinfo")
		stat, _ := os.ReadFile(oldRoot + "/proc/stat")
		files["/proc/cpuinfo"] = firstProcessors(string(info), w.CPUs)
		files["/proc/stat"] = firstStat(string(stat), w.CPUs)
		for _, name := range []string{"online", "possible", "present"} {
			files["/sys/devices/system/cpu/"+name] = cpuList(w.CPUs)
		}
	}
	if w.Kernel.Release != "" || w.Kernel.Version != "" {
		release, version := firstLine(oldRoot+"/proc/sys/kernel/osrelease"), firstLine(oldRoot+"/proc/sys/kernel/version")
		if w.Kernel.Release != "" {
			release = w.Kernel.Release
		}
		if w.Kernel.Version != "" {
			version = w.Kernel.Version
		}
		files["/proc/sys/kernel/osrelease"] = release + "\n"
		files["/proc/sys/kernel/version"] = version + "\n"
		files["/proc/version"] = "Linux version " + release + " (reprodisk) " + version + "\n"
	}
	if w.Memory > 0 {
		files["/proc/meminfo"] = meminfo(w.Memory)
	}
	if w.Random.Seed != "" {
		id := sha256.Sum256([]byte("reprodisk machine-id " + w.Random.Seed))
		files["/etc/machine-id"] = fmt.Sprintf("%x\n", id[:16])
	}
	if name := w.Host.Name; name != "" {
		full := name
		if d := w.Host.Domain; d != "" && d != "(none)" {
			full = name + "." + d + " " + name
		}
		files["/etc/hostname"] = name + "\n"
		files["/etc/hosts"] = "127.0.0.1 localhost\n127.0.1.1 " + full + "\n::1 localhost ip6-localhost ip6-loopback\n"
	}
	for at, content := range files {
		if _, err := os.Stat(newRoot + at); err != nil {
			continue // what the machine does not have either
		}
		if err := o.fake(at, content); err != nil {
			return err
		}
	}
	return nil
}

// firstProcessors keeps the first n processors of a /proc/cpuinfo, blocks of
// lines with a blank one behind each, and numbers them from 0.
func firstProcessors(info string, n int) string {
	var b strings.Builder
	kept := 0
	for _, block := range strings.Split(info, "\n\n") {
		if kept == n {
			break
		}
		if !strings.HasPrefix(block, "processor") {
			continue
		}
		_, rest, _ := strings.Cut(block, "\n")
		fmt.Fprintf(&b, "processor\t: %d\n%s\n\n", kept, strings.TrimRight(rest, "\n"))
		kept++
	}
	for ; kept < n; kept++ {
		fmt.Fprintf(&b, "processor\t: %d\n\n", kept)
	}
	return b.String()
}

// firstStat is a /proc/stat with the first n processors; the rest of it stands
// still.
func firstStat(stat string, n int) string {
	var b strings.Builder
	kept := 0
	for line := range strings.Lines(stat) {
		name, _, _ := strings.Cut(line, " ")
		number, isCPU := strings.CutPrefix(name, "cpu")
		if isCPU && number != "" {
			if kept == n {
				continue
			}
			_, rest, _ := strings.Cut(line, " ")
			line = "cpu" + strconv.Itoa(kept) + " " + rest
			kept++
		}
		b.WriteString(line)
	}
	return b.String()
}

// cpuList is n processors as /sys lists them.
func cpuList(n int) string {
	if n == 1 {
		return "0\n"
	}
	return fmt.Sprintf("0-%d\n", n-1)
}

// meminfo is the /proc/meminfo of a machine with so many bytes, half of them
// free, and no swap.
func meminfo(bytes int64) string {
	kb := bytes >> 10
	var b strings.Builder
	for _, l := range []struct {
		name string
		kb   int64
	}{
		{"MemTotal", kb},
		{"MemFree", kb / 2},
		{"MemAvailable", kb / 2},
		{"Buffers", 0},
		{"Cached", 0},
		{"SwapCached", 0},
		{"Active", kb / 4},
		{"Inactive", 0},
		{"SwapTotal", 0},
		{"SwapFree", 0},
		{"Dirty", 0},
		{"Writeback", 0},
		{"Shmem", 0},
		{"Slab", 0},
	} {
		fmt.Fprintf(&b, "%-15s %8d kB\n", l.name+":", l.kb)
	}
	return b.String()
}

func firstLine(name string) string {
	b, _ := os.ReadFile(name)
	line, _, _ := strings.Cut(string(b), "\n")
	return line
}

// mountOverlay puts a writable layer over the working folder, in memory.
func (o *orders) mountOverlay(*layout) error {
	if !o.Overlay {
		return nil
	}
	layers := scratch + "/layer"
	for _, d := range []string{layers, layers + "/upper", layers + "/work"} {
		if err := os.Mkdir(d, 0o755); err != nil {
			return patherr.At(d, err)
		}
		if err := o.handOver(d); err != nil {
			return err
		}
	}
	// The folder's own name may hold what the options of a mount are parted by.
	if err := os.Chdir(oldRoot + o.Dir); err != nil {
		return patherr.At(o.Dir, err)
	}
	defer os.Chdir("/")
	options := "lowerdir=.,upperdir=" + path.Join(layers, "upper") + ",workdir=" + path.Join(layers, "work")
	if o.Userns {
		options += ",userxattr"
	}
	if err := mount("a writable layer over "+o.Dir, "overlay", newRoot+o.Dir, "overlay", 0, options); err != nil {
		return fmt.Errorf("%w; it needs overlayfs (rootless: Linux 5.11), and a folder without mounts in it", err)
	}
	return nil
}
