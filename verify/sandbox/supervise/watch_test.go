//go:build linux && amd64

package supervise

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/verify/world"
)

func TestWhatABuildAskedAbout(t *testing.T) {
	asked := func(w world.World, args ...string) []world.Name {
		t.Helper()
		r, err := command{options: Options{Watch: true}, dir: t.TempDir()}.run(t, w, args...)
		if err != nil || r.Status.ExitStatus() != 0 {
			t.Fatalf("%q: %v, %v, %s", args, err, r.Status, r.err)
		}
		return r.Asked
	}
	w := everything()
	static := asks(t)[1]
	busybox := judge.Tool(t, "busybox")
	for _, c := range []struct {
		name world.Name
		yes  []string
		no   []string
	}{
		{world.Time, []string{static, "clock"}, []string{static, "system"}},
		{world.Time, []string{busybox, "sh", "-c", ": >a; test a -nt b; :"}, []string{static, "system"}},
		{world.RandomName, []string{busybox, "head", "-c1", "/dev/urandom"}, []string{filepath.Join(build(t), "goask"), "dir"}},
		{world.FileOrdering, []string{busybox, "ls"}, []string{static, "system"}},
		{world.KernelName, []string{static, "system"}, []string{busybox, "echo"}},
		{world.KernelName, []string{busybox, "cat", "/proc/version"}, []string{busybox, "echo"}},
		{world.DomainHost, []string{busybox, "hostname"}, []string{busybox, "echo"}},
		{world.Memory, []string{static, "system"}, []string{static, "vsyscall"}},
		{world.Memory, []string{busybox, "cat", "/proc/meminfo"}, []string{busybox, "cat", "/proc/version"}},
		{world.NumCPUs, []string{"nproc"}, []string{static, "system"}},
		{world.PID, []string{busybox, "sh", "-c", "echo $$"}, []string{static, "system"}},
	} {
		if got := asked(w, c.yes...); !slices.Contains(got, c.name) {
			t.Errorf("%q did not ask about %s: %v", c.yes, c.name, got)
		}
		if got := asked(w, c.no...); slices.Contains(got, c.name) {
			t.Errorf("%q asked about %s: %v", c.no, c.name, got)
		}
	}
	// Of what nobody can tell, it is said to be asked about.
	got := asked(w, static, "vsyscall")
	for _, n := range []world.Name{world.Umask, world.Environment, world.InodesName, world.InputTimesOf, world.ASLRName, world.UserGroup} {
		if !slices.Contains(got, n) {
			t.Errorf("%s is not among %v", n, got)
		}
	}
	// Where the clock is the machine's, nothing stops at it.
	if got := asked(world.World{}, static, "system"); !slices.Contains(got, world.Time) {
		t.Errorf("%v", got)
	}
	if r, err := (command{}).run(t, w, static, "system"); err != nil || r.Asked != nil {
		t.Errorf("%v, %v", err, r.Asked)
	}
}

func TestNeeded(t *testing.T) {
	if Needed(&world.World{Timezone: "UTC", PID: 5, CPUs: 1}) {
		t.Error("a world without clock, randomness and order")
	}
	w := everything()
	if !Needed(&w) || len(Unsupported(&w)) != 0 {
		t.Errorf("%v", Unsupported(&w))
	}
}
