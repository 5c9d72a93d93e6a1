package sandbox

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/internal/patherr"
)

// A group bounds what all processes of a sandbox use together, cgroups(7): its
// memory, the tmpfs of the build folder included, and its processes. In version
// 2 it is one folder, in version 1 one for each controller. Each holds a second
// one, "build", that init is in and that the build sees as the root: what is
// limited lies out of its reach.
type group struct {
	folders []string // that hold "build"
	version int
}

const groupName = "reprodisk-"

// limitFiles are the files that hold the limits, by version and controller.
var limitFiles = map[int]map[string]string{
	1: {"memory": "memory.limit_in_bytes", "pids": "pids.max"},
	2: {"memory": "memory.max", "pids": "pids.max"},
}

// newGroup makes a group with limits; nil, and why, where this program may not.
func newGroup(l Limits) (g *group, why string) {
	limits := map[string]int64{}
	if l.Memory > 0 {
		limits["memory"] = l.Memory
	}
	if l.Processes > 0 {
		limits["pids"] = int64(l.Processes)
	}
	if len(limits) == 0 {
		return nil, ""
	}
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, "this kernel has no control groups"
	}
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	places := parseCgroups(string(own), string(mounts))
	name := fmt.Sprintf("%s%d-%x", groupName, os.Getpid(), time.Now().UnixNano())
	g = &group{version: 2}
	if dir := places[""]; dir != "" {
		if folder := g.makeUnified(dir, name, limits); folder != "" {
			g.folders = []string{folder}
			return g, ""
		}
	}
	g.version = 1
	for controller, limit := range limits {
		dir := places[controller]
		if dir == "" {
			g.remove()
			return nil, "no control group that this program may write has the controller " + controller
		}
		folder := filepath.Join(dir, name)
		if err := g.make(folder, map[string]int64{controller: limit}); err != nil {
			g.remove()
			return nil, "no control group can be made: " + patherr.Bare(err).Error()
		}
	}
	return g, ""
}

// makeUnified makes a group of version 2 below or beside that of this program:
// a group with processes cannot have controllers for groups below it.
func (g *group) makeUnified(dir, name string, limits map[string]int64) string {
	for range 2 {
		removeStale(dir)
		folder := filepath.Join(dir, name)
		if g.make(folder, limits) == nil {
			g.folders = nil
			return folder
		}
		g.remove()
		g.folders = nil
		dir = filepath.Dir(dir)
	}
	return ""
}

// make makes one folder with its limits.
func (g *group) make(folder string, limits map[string]int64) error {
	removeStale(filepath.Dir(folder))
	if err := os.Mkdir(folder, 0o755); err != nil {
		return err
	}
	g.folders = append(g.folders, folder)
	for controller, limit := range limits {
		if err := writeTo(filepath.Join(folder, limitFiles[g.version][controller]), strconv.FormatInt(limit, 10)); err != nil {
			return err
		}
	}
	for name, value := range map[string]string{"memory.swap.max": "0", "memory.oom.group": "1", "memory.use_hierarchy": "1"} {
		writeTo(filepath.Join(folder, name), value) // where there are such
	}
	return os.Mkdir(filepath.Join(folder, "build"), 0o755)
}

// add puts a process into the group.
func (g *group) add(pid int) error {
	for _, f := range g.folders {
		if err := writeTo(filepath.Join(f, "build", "cgroup.procs"), strconv.Itoa(pid)); err != nil {
			return err
		}
	}
	return nil
}

// outOfMemory tells whether the kernel has killed something for the memory
// limit.
func (g *group) outOfMemory() bool {
	for _, f := range g.folders {
		for _, name := range []string{"memory.events", "build/memory.events", "memory.oom_control", "build/memory.oom_control"} {
			b, _ := os.ReadFile(filepath.Join(f, name))
			for line := range strings.Lines(string(b)) {
				if n, ok := strings.CutPrefix(line, "oom_kill "); ok && strings.TrimSpace(n) != "0" {
					return true
				}
			}
		}
	}
	return false
}

// remove removes the group, whose processes are dead; the kernel may take a
// moment to see that.
func (g *group) remove() {
	for _, f := range g.folders {
		for until := time.Now().Add(lastGasp); time.Now().Before(until); time.Sleep(time.Millisecond) {
			os.Remove(filepath.Join(f, "build"))
			if err := os.Remove(f); err == nil || os.IsNotExist(err) {
				break
			}
		}
	}
}

// removeStale removes groups whose program was killed before it could.
func removeStale(dir string) {
	found, _ := filepath.Glob(filepath.Join(dir, groupName+"*"))
	for _, f := range found {
		pid, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(f), groupName), "-")
		if n, err := strconv.Atoi(pid); err == nil && n > 0 && unix.Kill(n, 0) == unix.ESRCH {
			os.Remove(filepath.Join(f, "build"))
			os.Remove(f)
		}
	}
}

// parseCgroups finds the folders of a process's control groups: "" is that of
// version 2, the others go by their controllers. own is a /proc/PID/cgroup,
// mounts a /proc/PID/mountinfo.
func parseCgroups(own, mounts string) map[string]string {
	type mounted struct{ at, root string }
	at := map[string]mounted{}
	for line := range strings.Lines(mounts) {
		before, after, ok := strings.Cut(line, " - ")
		f, g := strings.Fields(before), strings.Fields(after)
		if !ok || len(f) < 5 || len(g) < 3 {
			continue
		}
		switch g[0] {
		case "cgroup2":
			at[""] = mounted{f[4], f[3]}
		case "cgroup":
			for _, option := range strings.Split(g[2], ",") {
				at[option] = mounted{f[4], f[3]}
			}
		}
	}
	places := map[string]string{}
	for line := range strings.Lines(own) {
		f := strings.SplitN(strings.TrimRight(line, "\n"), ":", 3)
		if len(f) != 3 {
			continue
		}
		for _, controller := range strings.Split(f[1], ",") {
			if m, ok := at[controller]; ok {
				below := strings.TrimPrefix(f[2], strings.TrimSuffix(m.root, "/"))
				places[controller] = filepath.Join(m.at, filepath.Clean("/"+below))
			}
		}
	}
	return places
}

func writeTo(name, value string) error {
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(value)
	return err
}
