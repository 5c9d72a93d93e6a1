package sandbox

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestLimits(t *testing.T) {
	for _, l := range []Level{None, Isolated} {
		r := Request{Level: l, Limits: Limits{File: 1 << 20, CPU: time.Second, Wall: 5 * time.Minute}}
		res, said, err := shell(t, r, `head -c 2M /dev/zero >"$TMPDIR/f"; stat -c %s "$TMPDIR/f"; exec 3<&-; while :; do :; done`)
		if err != nil || !strings.HasSuffix(said, "1048576") || res.Why != "more than 1s of processor time" {
			t.Errorf("%s: %+v %s %v", l, res, said, err)
		}
	}
	r := Request{Limits: Limits{Disk: 1 << 20}}
	if got := says(t, r, `head -c 2M /dev/zero 2>/dev/null >f; head -c 2M /dev/zero 2>/dev/null >/tmp/f; stat -c %s f /tmp/f`); got != "1048576\n1048576" {
		t.Errorf("on disks of 1 MiB fit %s", got)
	}
}

// Where control groups can be made, they bound the run; else it is said.
func TestMemoryAndProcesses(t *testing.T) {
	r := Request{Limits: Limits{Memory: 64 << 20, Wall: 5 * time.Minute}}
	r.World.Filesystem = "tmpfs"
	res, said, err := shell(t, r, `head -c 200M /dev/zero | tail -c 190M | wc -c; head -c 200M /dev/zero >f`)
	if err != nil || res.Succeeded() && len(res.Limits) == 0 {
		t.Errorf("200 MB in 64: %+v %s %v", res, said, err)
	}
	if len(res.Limits) == 0 && !strings.HasPrefix(res.Why, "out of memory") {
		t.Errorf("200 MB in 64: %+v %s", res, said)
	}
	r = Request{Limits: Limits{Processes: 20, Wall: 5 * time.Minute}}
	res, said, err = shell(t, r, `for i in $(seq 40); do sleep 7777.4 & done 2>&1; true`)
	if err != nil || len(res.Limits) == 0 && !strings.Contains(said, "fork") {
		t.Errorf("40 processes of 20: %+v %s %v", res, said, err)
	}
	if left := running("7777.4"); len(left) > 0 {
		t.Errorf("processes are left: %v", left)
	}
	own, _ := os.ReadFile("/proc/self/cgroup")
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	for _, dir := range parseCgroups(string(own), string(mounts)) {
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), groupName) && strings.Contains(e.Name(), "-"+strconv.Itoa(os.Getpid())+"-") {
				t.Errorf("%s/%s is left", dir, e.Name())
			}
		}
	}
}

func FuzzParseCgroups(f *testing.F) {
	f.Add("0::/user.slice/a\n4:memory,cpu:/x\n", "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n")
	f.Fuzz(func(t *testing.T, own, mounts string) {
		for _, dir := range parseCgroups(own, mounts) {
			if strings.Contains(dir+"/", "/../") {
				t.Errorf("%q leads up", dir)
			}
		}
	})
}
