package sandbox

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/verify/world"
)

// Sandboxes at the same time do not get into each other's way, and leave other
// children of the program alone.
func TestSandboxesAtTheSameTime(t *testing.T) {
	other := exec.Command("sleep", "0.2")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range 6 {
		r := Request{Level: Levels()[i%3], OutDir: t.TempDir()}
		if i%2 == 1 {
			r.World.Clock = world.Clock{Mode: world.ClockFrozen, Start: time.Unix(1_700_000_000, 0)}
		}
		all.Go(func() {
			want := fmt.Sprintf("exit status %d", i)
			res, said, err := shell(t, r, fmt.Sprintf(`echo %d >"$TMPDIR/f"; sleep 0.05; cat "$TMPDIR/f"; exit %d`, i, i))
			if err != nil || fmt.Sprintf("exit status %d", res.ExitCode) != want || said != fmt.Sprint(i) {
				t.Errorf("the %dth: %+v %q %v", i, res, said, err)
			}
		})
	}
	all.Wait()
	if err := other.Wait(); err != nil {
		t.Errorf("another child: %v", err)
	}
}

// used is the processor time of all children that have ended.
func used() time.Duration {
	var u unix.Rusage
	unix.Getrusage(unix.RUSAGE_CHILDREN, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkStart is what a sandbox costs over running its command without one.
func BenchmarkStart(b *testing.B) {
	clock := world.World{Clock: world.Clock{Mode: world.ClockShifted, Offset: time.Hour}}
	for _, c := range []struct {
		name  string
		level Level
		world world.World
	}{
		{"none", None, world.World{}},
		{"supervised", Supervised, clock},
		{"isolated", Isolated, world.World{}},
		{"isolated and supervised", Isolated, clock},
		{"every variation", Isolated, func() world.World { w := whole(); w.Load = 0; return w }()},
	} {
		b.Run(c.name, func(b *testing.B) {
			var bare, boxed []time.Duration
			dir, before := b.TempDir(), used()
			for i := 0; b.Loop(); i++ {
				out := filepath.Join(dir, fmt.Sprint(i))
				if err := os.Mkdir(out, 0o755); err != nil {
					b.Fatal(err)
				}
				begin := time.Now()
				if err := exec.Command("/bin/true").Run(); err != nil {
					b.Fatal(err)
				}
				middle := time.Now()
				if _, err := Run(b.Context(), Request{Level: c.level, World: c.world, Path: "/bin/true", Args: []string{"true"}, OutDir: out}); err != nil {
					b.Fatal(err)
				}
				bare, boxed = append(bare, middle.Sub(begin)), append(boxed, time.Since(middle))
			}
			// What the children alone used of the processors depends less on who
			// else is there.
			b.ReportMetric(float64(used()-before)/1e6/float64(len(bare)), "cpu-ms/run")
			slices.Sort(bare)
			slices.Sort(boxed)
			n := len(bare) / 2
			b.ReportMetric(float64(boxed[n]-bare[n])/1e6, "added-ms/median")
			b.ReportMetric(float64(boxed[0]-bare[0])/1e6, "added-ms/least")
			b.ReportMetric(float64(boxed[n])/float64(bare[n]), "x-bare")
		})
	}
}
