//go:build linux && amd64

package supervise

import (
	"testing"
	"time"

	"github.com/reprodisk/reprodisk/verify/world"
)

var dawn = time.Unix(1_000_000_000, 0)

func frozen() world.World {
	return world.World{Clock: world.Clock{Mode: world.ClockFrozen, Start: dawn}}
}

func TestDate(t *testing.T) {
	for _, prog := range [][]string{{"date", "+%s"}, {"busybox", "date", "+%s"}, {"perl", "-e", "print time"}, {"bash", "-c", "echo $EPOCHSECONDS"}, {"python3", "-c", "import time; print(int(time.time()))"}} {
		if got := must(t, frozen(), prog...); got != "1000000000" {
			t.Errorf("%v: %s", prog, got)
		}
	}
}
