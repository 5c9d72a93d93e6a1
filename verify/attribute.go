package verify

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/attribute"
	"github.com/reprodisk/reprodisk/verify/world"
)

// essential are the parts of a world without which no two builds agree, and
// nothing can be told from them.
var essential = []world.Name{world.Time, world.RandomName, world.FileOrdering}

// canAttribute refuses, before any build, to look for what cannot be found at
// this level.
func (l *lab) canAttribute(p *plan) error {
	if len(p.varied) == 0 {
		return errors.New("nothing is varied, so nothing can be attributed")
	}
	w := world.Pinned(p.start)
	cannot := l.sandbox.Can(l.opt.Level, &w)
	for _, n := range essential {
		if why, ok := cannot[n]; ok {
			return fmt.Errorf("attributing needs a pinned world: %s: %s", n, why)
		}
	}
	return nil
}

// attribute finds out which variations the report's findings follow, and
// enters it there.
func (l *lab) attribute(ctx context.Context, r *report.Report, p *plan, a *made) error {
	base := l.pinned(p.start)
	if l.opt.Filesystem == "" && !roomy(a.out) {
		base.Filesystem = world.FilesystemDisk
	}
	leave := l.sandbox.Can(l.opt.Level, &base)
	for n := range leave {
		base = world.Mix(base, world.World{}, n)
	}
	try := attribute.Plan{
		Base: base, Watched: world.Names(), MaxBuilds: l.opt.MaxBuilds, Parallel: l.parallel(a.out),
		Progress: func(stage string) { l.say("attributing: " + stage) },
	}
	for _, n := range world.Names() {
		c := attribute.Candidate{Name: n}
		w, err := world.Vary(base, n, p.machine)
		switch {
		case !slices.Contains(p.varied, n):
			c.Skip = p.why[n]
		case err != nil:
			c.Skip = err.Error()
		default:
			alone := world.Mix(world.World{}, w, n)
			c.World, c.Value, c.Skip = w, world.Describe(n, w, p.machine), l.sandbox.Can(l.opt.Level, &alone)[n]
		}
		try.Candidates = append(try.Candidates, c)
	}
	lab := &builds{lab: l}
	found, err := attribute.Run(ctx, lab, r, try)
	var failed *attribute.Failure
	switch {
	case errors.As(err, &failed):
		// What was found before is worth as much as ever.
		r.Warnings = append(r.Warnings, report.Printable(err.Error()))
		return nil
	case err != nil:
		return err
	}
	for _, n := range lab.asked {
		r.Verification.Asked = append(r.Verification.Asked, string(n))
	}
	r.Verification.Attribution = found
	return r.Finish()
}

// builds is a lab as package attribute needs it.
type builds struct {
	*lab
	asked []world.Name // by the build that was watched
}

// Build is attribute.Lab's.
func (b *builds) Build(ctx context.Context, w world.World, watch bool) (*attribute.Output, error) {
	b.mu.Lock()
	which := fmt.Sprintf("build %d", b.builds+1)
	b.builds++
	b.mu.Unlock()
	m, err := b.buildQuietly(ctx, which, w, watch, false)
	if err == nil {
		if watch {
			b.asked = m.result.Asked
		}
		if err = b.seal(ctx, m); err == nil {
			return &attribute.Output{Digest: m.digest, Path: m.out, Asked: m.result.Asked}, nil
		}
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, err
	}
	// A sandbox that cannot be made in that world is a failure there as well:
	// what was found before is not lost for it.
	removeAll(filepath.Join(b.work.dir, which))
	var failed *BuildError
	if errors.As(err, &failed) {
		return nil, &attribute.Failure{Why: failed.Why}
	}
	return nil, &attribute.Failure{Why: err.Error()}
}

// Compare is attribute.Lab's.
func (b *builds) Compare(ctx context.Context, x, y *attribute.Output) (*report.Report, error) {
	return Diff(ctx, b.compared(x.Path), b.compared(y.Path), compareQuietly)
}

// Discard is attribute.Lab's.
func (b *builds) Discard(o *attribute.Output) { removeAll(filepath.Dir(o.Path)) }

// roomy tells whether the machine's memory holds several builds of an output
// of that size.
func roomy(out string) bool { return available() > 4*allocated(out)+1<<30 }

// parallel is how many builds may run at the same time.
func (l *lab) parallel(out string) int {
	if l.opt.Parallel > 0 {
		return l.opt.Parallel
	}
	if l.machine.CPUs >= 2 && roomy(out) {
		return 2
	}
	return 1
}

// available is how many bytes of memory can be had without swapping.
func available() int64 {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if fields := strings.Fields(lines.Text()); len(fields) == 3 && fields[0] == "MemAvailable:" {
			n, _ := strconv.ParseInt(fields[1], 10, 64)
			return n << 10
		}
	}
	return 0
}
