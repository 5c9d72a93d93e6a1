//go:build linux && amd64

package supervise

import (
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/verify/world"
)

// TestToolsAtTheirDefaultsGiveOneImage makes the same disk many times, several at
// a time, with tools that put the time and random numbers into it.
func TestToolsAtTheirDefaultsGiveOneImage(t *testing.T) {
	// libuuid mixes in process numbers: a namespace of their own.
	judge.Root(t)
	for _, tool := range []string{"mkfs.ext4", "sgdisk", "mkfs.vfat"} {
		judge.Tool(t, tool)
	}
	const script = `
		mkdir tree; for i in 1 2 3; do head -c 1000 /dev/urandom >tree/$i; mktemp -u; done
		truncate -s 8M ext4 fat disk
		mkfs.ext4 -q -F -d tree ext4 2>&1
		mkfs.vfat fat >/dev/null
		sgdisk -n 1:2048:4095 -n 2:4096:8191 disk >/dev/null
		cat ext4 fat disk | sha256sum; ls -lR --time-style=full-iso tree | sha256sum`
	w := world.World{
		Clock:        clocks["frozen"],
		Random:       world.Random{Seed: "seed"},
		FileOrdering: world.Ordering{Mode: world.OrderSorted},
	}
	const runs, atOnce = 20, 4
	results := make(chan string, runs)
	jobs := make(chan string, runs)
	for range runs {
		jobs <- t.TempDir()
	}
	close(jobs)
	for range atOnce {
		go func() {
			for dir := range jobs {
				r, err := command{dir: dir}.run(t, w, "unshare", "--pid", "--fork", "sh", "-ec", script)
				if err != nil || r.Status.ExitStatus() != 0 {
					r.out = r.err
				}
				results <- r.out
			}
		}()
	}
	seen := map[string]int{}
	for range runs {
		seen[<-results]++
	}
	if len(seen) != 1 || seen[""] > 0 {
		t.Errorf("%d runs gave %d results: %v", runs, len(seen), seen)
	}
}
