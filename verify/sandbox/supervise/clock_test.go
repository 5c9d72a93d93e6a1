//go:build linux && amd64

package supervise

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/verify/world"
)

var dawn = time.Unix(1_000_000_000, 0)

// clocks are the ways in which a clock can go, and how far a time that it shows
// may be from the first.
var clocks = map[string]world.Clock{
	"frozen":  {Mode: world.ClockFrozen, Start: dawn},
	"running": {Mode: world.ClockRunning, Start: dawn},
	"shifted": {Mode: world.ClockShifted, Offset: -20 * 365 * 24 * time.Hour},
	"ahead":   {Mode: world.ClockShifted, Offset: 20 * 365 * 24 * time.Hour},
}

// lasts is longer than a test does, in seconds, and much less than the clocks are
// apart.
const lasts = 3600

// shows tells whether a second can be on a clock during a test.
func shows(c world.Clock, sec int64) bool {
	switch c.Mode {
	case world.ClockFrozen:
		return sec == c.Start.Unix()
	case world.ClockRunning:
		return sec >= c.Start.Unix() && sec < c.Start.Unix()+lasts
	}
	late := time.Now().Add(c.Offset).Unix() - sec
	return late >= 0 && late < lasts
}

// everySecond checks lines of a word and a number.
func everySecond(t *testing.T, c world.Clock, out string) {
	t.Helper()
	lines := strings.Split(out, "\n")
	if len(lines) < 2 {
		t.Errorf("only %q", out)
	}
	for _, line := range lines {
		_, number, _ := strings.Cut(line, " ")
		sec, err := strconv.ParseInt(number, 10, 64)
		if err != nil || !shows(c, sec) {
			t.Errorf("%s", line)
		}
	}
}

func TestEveryProgramSeesTheClock(t *testing.T) {
	dir := build(t)
	for name, c := range clocks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := world.World{Clock: c}
			for _, prog := range append(asks(t), filepath.Join(dir, "goask")) {
				everySecond(t, c, command{dir: t.TempDir()}.must(t, w, prog, "clock"))
			}
			for _, prog := range asks(t) {
				everySecond(t, c, command{dir: t.TempDir()}.must(t, w, prog, "files"))
			}
			for _, prog := range [][]string{
				{"date", "+now %s"},
				{judge.Tool(t, "busybox"), "date", "+now %s"},
				{"bash", "-c", "echo now $EPOCHSECONDS"},
				{"sh", "-c", "touch made; stat -c 'now %Y' made; rm made"},
				{"perl", "-e", "print 'now ', time"},
				{"python3", "-c", "import time; print('now', int(time.time()))"},
			} {
				if _, err := exec.LookPath(prog[0]); err != nil {
					continue
				}
				out := command{dir: t.TempDir()}.must(t, w, prog...)
				everySecond(t, c, out+"\n"+out)
			}
		})
	}
}

// TestTheClockWithoutThePatchedVDSO covers kernels whose vDSO is of another
// shape.
func TestTheClockWithoutThePatchedVDSO(t *testing.T) {
	hideVDSO = true
	defer func() { hideVDSO = false }()
	c := clocks["frozen"]
	for _, prog := range append(asks(t), filepath.Join(build(t), "goask")) {
		everySecond(t, c, command{dir: t.TempDir()}.must(t, world.World{Clock: c}, prog, "clock"))
	}
}

func TestTheVsyscallPageSeesTheClock(t *testing.T) {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil || !strings.Contains(string(maps), "[vsyscall]") {
		t.Skip("this kernel has no vsyscall page")
	}
	c := clocks["running"]
	everySecond(t, c, must(t, world.World{Clock: c}, asks(t)[0], "vsyscall"))
}

func TestDeadlinesLastAsLongAsTheyShould(t *testing.T) {
	for name, c := range clocks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, prog := range asks(t) {
				out := must(t, world.World{Clock: c}, prog, "deadlines")
				if n := strings.Count(out, " waited"); n != 8 {
					t.Errorf("%d of 8 waits:\n%s", n, out)
				}
			}
		})
	}
}

func TestFilesThatWereThereKeepTheirTimes(t *testing.T) {
	dir := t.TempDir()
	old := filepath.Join(dir, "old")
	then := time.Unix(1_234_567_890, 123_456_789)
	if err := os.WriteFile(old, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(old, then, then); err != nil {
		t.Fatal(err)
	}
	w := world.World{Clock: clocks["running"]}
	if got := must(t, w, "stat", "-c", "%.9Y %.9X", old); got != "1234567890.123456789 1234567890.123456789" {
		t.Error(got)
	}
	// A copy with its times has them too, but was changed now.
	got := command{dir: dir}.must(t, w, "sh", "-c", "cp -p old new; stat -c '%Y %Z' new")
	mtime, ctime, _ := strings.Cut(got, " ")
	if sec, _ := strconv.ParseInt(ctime, 10, 64); mtime != "1234567890" || !shows(w.Clock, sec) {
		t.Error(got)
	}
}
