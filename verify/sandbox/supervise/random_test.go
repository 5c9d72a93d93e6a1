//go:build linux && amd64

package supervise

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/verify/world"
)

func seeded(seed string) world.World { return world.World{Random: world.Random{Seed: seed}} }

// drawn runs a program with a seed twice and with another once.
func drawn(t *testing.T, args ...string) string {
	t.Helper()
	first, again, other := must(t, seeded("a"), args...), must(t, seeded("a"), args...), must(t, seeded("b"), args...)
	if first != again {
		t.Errorf("%q: the same seed gives\n%s\nand\n%s", args, first, again)
	}
	for _, line := range strings.Split(first, "\n") {
		if !strings.HasPrefix(line, "device ") && strings.Contains("\n"+other+"\n", "\n"+line+"\n") {
			t.Errorf("%q: another seed gives the same %s", args, line)
		}
	}
	return first
}

func TestASeedDecidesAllRandomness(t *testing.T) {
	for _, prog := range asks(t) {
		t.Run(filepath.Base(prog), func(t *testing.T) {
			out := drawn(t, prog, "random")
			// The devices are devices: 1:8 and 1:9.
			if !strings.Contains(out, "device 1 109\n") || !strings.Contains(out, "device 1 108\n") {
				t.Errorf("\n%s", out)
			}
			lines := strings.Split(out, "\n")
			for i, l := range lines {
				for _, other := range lines[:i] {
					if l == other {
						t.Errorf("%s twice", l)
					}
				}
			}
		})
	}
	busybox := judge.Tool(t, "busybox")
	for _, prog := range [][]string{
		{filepath.Join(build(t), "goask"), "random"},
		{"sh", "-c", "dd if=/dev/urandom bs=3M count=1 2>/dev/null | sha256sum"},
		{"sh", "-c", "head -c 100000 </dev/urandom | sha256sum"},
		{"sh", "-c", "head -c 10 /dev/random | od -An -tx1; head -c 10 /dev/random | od -An -tx1"},
		{"sh", "-c", "exec 7</dev/urandom; (cd /; dd bs=10 count=1 <&7 2>/dev/null) | od -An -tx1; head -c 7 <&7 | od -An -tx1"},
		{"sh", "-c", "cd /dev; head -c 10 urandom | od -An -tx1"},
		{"sh", "-c", busybox + " head -c 100000 /dev/urandom | " + busybox + " sha256sum"},
		{"sh", "-c", busybox + " dd if=/dev/urandom bs=100000 count=1 2>/dev/null | " + busybox + " sha256sum"},
		{"bash", "-c", "echo $RANDOM$RANDOM$SRANDOM"},
		{"mktemp", "-u"},
		{"cat", "/proc/sys/kernel/random/uuid", "/proc/sys/kernel/random/boot_id"},
	} {
		if prog[0] == "bash" { // it mixes in the time and its process number
			continue
		}
		drawn(t, prog...)
	}
}

// TestProgramsAtTheSameTimeHaveTheirOwnRandomness runs many that read at once.
func TestProgramsAtTheSameTimeHaveTheirOwnRandomness(t *testing.T) {
	drawn(t, "sh", "-c", `
		for i in a b c d e f g h; do
			(dd if=/dev/urandom bs=65537 count=3 2>/dev/null | sha256sum >$0.$i) &
		done
		wait; cat $0.? ; rm $0.?`, filepath.Join(t.TempDir(), "job"))
}

// TestOtherWorldsDoNotChangeRandomness keeps a difference from having two
// causes: a stream hangs on a program, not on where and when it runs.
func TestOtherWorldsDoNotChangeRandomness(t *testing.T) {
	a, b := seeded("a"), seeded("a")
	a.BuildPath, b.BuildPath = "/build", "/somewhere/else"
	get := func(w world.World, args ...string) string {
		return must(t, w, append([]string{"sh", "-c", `head -c 8 /dev/urandom | od -An -tx1; : "$@"`, "sh"}, args...)...)
	}
	if x, y := get(a, "/build/x", "2024", "f", "g"), get(b, "g", "f", "/somewhere/else/x", "17"); x != y {
		t.Errorf("%s and %s", x, y)
	}
	if x, y := get(a, "f"), get(a, "g"); x == y {
		t.Errorf("other arguments, the same %s", x)
	}
}
