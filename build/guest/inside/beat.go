package inside

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/reprodisk/reprodisk/build/guest/job"
)

// beat sends Alive, for ever.
func (g *guest) beat(every time.Duration) {
	defer g.rescue()
	var w work
	for n := uint64(1); ; n++ {
		time.Sleep(every)
		now := n // a task may wait for as long as it likes: that the guest lives is enough
		if g.job.Task == nil {
			now = w.look("/proc", "/sys", g.job.Disk)
		}
		g.events.send(job.Event{Kind: job.Alive, Work: now})
	}
}

// work is how much the guest has done. It never shrinks.
type work struct{ most uint64 }

// look adds up the time that processors were busy for others than this process,
// in jiffies, and the sectors that were read from and written to the disk.
// Interrupts are left out: they come in an idle machine as well.
func (w *work) look(proc, sys, disk string) uint64 {
	var now uint64
	if b, err := os.ReadFile(filepath.Join(proc, "stat")); err == nil {
		line, _, _ := strings.Cut(string(b), "\n")
		// proc(5): cpu user nice system idle …
		now = sum(strings.Fields(line), 1, 2, 3)
	}
	if b, err := os.ReadFile(filepath.Join(proc, "self/stat")); err == nil {
		// After the program's name in parentheses: state is the first field, utime
		// and stime are the 12th and 13th.
		s := string(b)
		own := sum(strings.Fields(s[strings.LastIndexByte(s, ')')+1:]), 11, 12)
		now -= min(now, own)
	}
	if b, err := os.ReadFile(filepath.Join(sys, "class/block", disk, "stat")); err == nil && disk != "" {
		// Documentation/block/stat.rst: sectors read, sectors written.
		now += sum(strings.Fields(string(b)), 2, 6)
	}
	w.most = max(w.most, now)
	return w.most
}

// sum adds up some of a line's fields.
func sum(fields []string, indices ...int) (total uint64) {
	for _, i := range indices {
		if i < len(fields) {
			n, _ := strconv.ParseUint(fields[i], 10, 64)
			total += n
		}
	}
	return total
}
