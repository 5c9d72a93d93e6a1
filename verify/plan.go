package verify

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/world"
)

// plan is the two worlds of a verification.
type plan struct {
	a, b    world.World
	varied  []world.Name          // in which they differ, by themselves or on purpose
	made    []world.Name          // of them, those that the sandbox makes
	why     map[world.Name]string // why the others do not, or what a varied one leaves out
	start   time.Time             // of pinned worlds
	machine world.Machine
}

// plan chooses the worlds. What was asked for by name and cannot be made is an
// error; the rest is passed over, and said to be.
func (l *lab) plan() (*plan, error) {
	opt, m := l.opt, l.machine
	start, err := world.StartFrom(os.Getenv("SOURCE_DATE_EPOCH"))
	if err != nil {
		return nil, err
	}
	p := &plan{why: map[world.Name]string{}, start: start, machine: m}
	def := world.Default(m)
	if opt.Pin || opt.Repeat > 0 {
		def = nil
	}
	choice, err := world.Parse(opt.Vary, def)
	if err != nil {
		return nil, err
	}
	p.a = world.World{}
	if opt.Pin {
		p.a = l.pinned(start)
	}
	if opt.Filesystem != "" || !opt.Pin && l.opt.Level.Hides() {
		p.a.Filesystem = cmp.Or(opt.Filesystem, world.FilesystemDisk) // that every image fits on
	}
	if cannot := l.sandbox.Can(l.opt.Level, &p.a); opt.Pin && len(cannot) > 0 {
		return nil, fmt.Errorf("the pinned world cannot be made: %s", reasons(cannot))
	}
	p.b = p.a
	for _, n := range world.Names() {
		p.why[n] = cmp.Or(world.Costly(n, m), "not asked for")
	}
	for _, n := range choice.Vary {
		if err := l.vary(p, n, slices.Contains(choice.Named, n)); err != nil {
			return nil, err
		}
	}
	for _, n := range choice.Hold {
		if !opt.Pin {
			l.hold(p, n)
		}
	}
	if len(choice.Vary) == 0 && !opt.Pin && opt.Repeat == 0 {
		// Nothing is held either: two builds as they come.
		for _, n := range world.Names() {
			if world.BySelf(n) && !slices.Contains(choice.Hold, n) {
				p.differ(n, "")
			}
		}
	}
	return p, nil
}

// pinned is the pinned world, as far as what is compared allows.
func (l *lab) pinned(start time.Time) world.World {
	w := world.Pinned(start)
	w.Filesystem = cmp.Or(l.opt.Filesystem, w.Filesystem)
	return w
}

func (p *plan) differ(n world.Name, remark string) {
	p.varied = append(p.varied, n)
	if remark == "" {
		delete(p.why, n)
	} else {
		p.why[n] = remark
	}
}

// vary makes one part of the worlds differ, where the sandbox can.
func (l *lab) vary(p *plan, n world.Name, named bool) error {
	var a, b world.World
	var err error
	if l.opt.Pin {
		a = p.a
		if b, err = world.Vary(p.a, n, p.machine); err == nil {
			b = world.Mix(p.b, b, n)
		}
	} else {
		a, b, err = world.Natural(p.a, p.b, n, p.machine)
	}
	why := ""
	if err != nil {
		why = err.Error()
	} else {
		for _, w := range []world.World{a, b} {
			alone := world.Mix(world.World{}, w, n)
			why = cmp.Or(why, l.sandbox.Can(l.opt.Level, &alone)[n])
		}
	}
	switch {
	case why == "":
		p.a, p.b = a, b
		p.differ(n, world.Remark(n, b, p.machine))
		if !world.BySelf(n) || n == world.Time || n == world.PID || l.opt.Pin {
			p.made = append(p.made, n)
		}
	case world.BySelf(n) && !l.opt.Pin && err == nil:
		p.differ(n, "")
	case named:
		return fmt.Errorf("%s cannot be varied: %s", n, why)
	default:
		p.why[n] = why
	}
	return nil
}

// hold gives both worlds the same value, where they would differ by
// themselves.
func (l *lab) hold(p *plan, n world.Name) {
	p.why[n] = "left out"
	if !world.BySelf(n) {
		return
	}
	a := world.Hold(p.a, n, p.start)
	alone := world.Mix(world.World{}, a, n)
	if why := l.sandbox.Can(l.opt.Level, &alone)[n]; why != "" {
		p.differ(n, "differs by itself: "+why)
		return
	}
	p.a, p.b = a, world.Hold(p.b, n, p.start)
}

// pauses tells whether time has to pass between the two builds for their
// clocks to differ.
func (p *plan) pauses() bool {
	return p.a.Clock == p.b.Clock && p.a.Clock.Mode == world.ClockHost
}

// table is what a report says of the worlds.
func (p *plan) table(a, b *made) []report.Variation {
	out := make([]report.Variation, 0, len(world.Names()))
	for _, n := range world.Names() {
		out = append(out, report.Variation{
			Name: string(n), A: world.Describe(n, a.world, a.machine), B: world.Describe(n, b.world, b.machine),
			Varied: slices.Contains(p.varied, n), Why: p.why[n],
		})
	}
	return out
}

// reasons lists why parts of a world cannot be made.
func reasons(cannot map[world.Name]string) string {
	out := ""
	for _, n := range world.Names() {
		if why, ok := cannot[n]; ok {
			if out != "" {
				out += "; "
			}
			out += fmt.Sprintf("%s: %s", n, why)
		}
	}
	return out
}
