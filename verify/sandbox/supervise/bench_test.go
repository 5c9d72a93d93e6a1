//go:build linux && amd64

package supervise

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/verify/world"
)

// ratio runs a command plainly and supervised in turn, and reports how many
// times as long the second takes, best of each.
func ratio(b *testing.B, w world.World, env []string, args ...string) {
	b.Helper()
	env = append([]string{"PATH=" + os.Getenv("PATH") + ":/usr/sbin:/sbin", "LC_ALL=C", "TZ=UTC", "HOME=" + os.Getenv("HOME")}, env...)
	plain, supervised := time.Hour, time.Hour
	plainCPU, supervisedCPU := time.Hour, time.Hour
	stops := 0
	for b.Loop() {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Env = env
		start, cpu := time.Now(), cpuTime()
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("%v: %s", err, out)
		}
		plain, plainCPU = min(plain, time.Since(start)), min(plainCPU, cpuTime()-cpu)
		start, cpu = time.Now(), cpuTime()
		r, err := command{env: env}.run(b, w, args...)
		supervised, supervisedCPU = min(supervised, time.Since(start)), min(supervisedCPU, cpuTime()-cpu)
		if err != nil || r.Status.ExitStatus() != 0 {
			b.Fatalf("%v, %v: %s%s", err, r.Status, r.out, r.err)
		}
		stops = r.Stops
	}
	b.ReportMetric(supervised.Seconds()/plain.Seconds(), "x-plain")
	b.ReportMetric(supervisedCPU.Seconds()/plainCPU.Seconds(), "x-cpu") // on a machine with other work the better figure
	b.ReportMetric(plain.Seconds()*1e3, "ms-plain")
	b.ReportMetric(float64(stops), "stops")
	b.ReportMetric(0, "ns/op")
}

// cpuTime is what this process and its children have used.
func cpuTime() time.Duration {
	var sum time.Duration
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var u unix.Rusage
		unix.Getrusage(who, &u)
		sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return sum
}

// worlds are those in which builds are measured: all controlled, and the parts
// by themselves.
func worlds() map[string]world.World {
	all := everything()
	return map[string]world.World{
		"all":          all,
		"time":         {Clock: all.Clock},
		"random":       {Random: all.Random},
		"fileordering": {FileOrdering: all.FileOrdering},
	}
}

func BenchmarkStart(b *testing.B) { ratio(b, everything(), nil, "/bin/true") }

func BenchmarkMke2fs(b *testing.B) {
	mkfs := judge.Tool(b, "mkfs.ext4")
	dir := b.TempDir()
	tree := filepath.Join(dir, "tree")
	for i := range 200 {
		d := filepath.Join(tree, fmt.Sprint("folder", i))
		if err := os.MkdirAll(d, 0o755); err != nil {
			b.Fatal(err)
		}
		for k := range 100 {
			if err := os.WriteFile(filepath.Join(d, fmt.Sprint("file", k)), make([]byte, 4000), 0o644); err != nil {
				b.Fatal(err)
			}
		}
	}
	for name, w := range worlds() {
		b.Run(name, func(b *testing.B) {
			ratio(b, w, nil, mkfs, "-q", "-F", "-d", tree, filepath.Join(dir, "image"), "300M")
		})
	}
}

func BenchmarkGoBuild(b *testing.B) {
	for name, w := range worlds() {
		b.Run(name, func(b *testing.B) {
			// Linked anew each time, from packages that are in the cache.
			ratio(b, w, nil, "go", "build", "-C", "../../..", "-o", filepath.Join(b.TempDir(), "out"), "./cmd/reprodisk")
		})
	}
}

func BenchmarkClock(b *testing.B) {
	ask := asks(b)[0]
	b.Run("patched", func(b *testing.B) { ratio(b, everything(), nil, ask, "spin") })
	b.Run("hidden", func(b *testing.B) {
		hideVDSO = true
		defer func() { hideVDSO = false }()
		ratio(b, everything(), nil, ask, "spin")
	})
}
