package verify

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/sandbox"
	"github.com/reprodisk/reprodisk/verify/world"
)

// Options are what a verification may be told. The zero value builds twice, in
// two isolated worlds that differ in all that costs nothing, and keeps no
// output.
type Options struct {
	// Out is where the first output is kept. A second one that differs stays as
	// Out + ".check", in the place of an older one, and what is known of both
	// builds as Out + ".buildinfo.json". Empty: nothing is kept.
	Out string

	// Output is told what the builds write to their standard output and error.
	// nil: it is kept for the error of a build that fails.
	Output io.Writer

	// Digests asks for the SHA-256 of the images and their partitions.
	Digests bool

	// Compared, where not nil, is called with the report and the paths of what
	// was compared, while both are still there. Its error ends the
	// verification.
	Compared func(ctx context.Context, r *report.Report, a, b string) error

	// Progress is told how far a stage is: "first build", "reading", …; total
	// is 0 where nobody knows. It is called by one goroutine at a time.
	Progress func(stage string, done, total int64)

	// Builder is the command that builds a spec, before the arguments
	// "build --quiet SPEC -o DIR". nil: the running program.
	Builder *Program

	// Pause is the least time between the end of the first build (or, of an
	// earlier result, its modification time) and the start of the second, where
	// both have the machine's clock. 0 stands for DefaultPause.
	Pause time.Duration

	// Level is how far the builds are kept from the machine; empty is
	// sandbox.Isolated.
	Level sandbox.Level

	// Vary are the arguments of --vary, which world.Parse explains.
	Vary []string

	// Pin has both builds in the pinned world, which makes most builders
	// reproducible. Only what Vary names differs then.
	Pin bool

	// Filesystem is what the build folder lies on, where that is not varied.
	// Empty: the machine's disk, or memory in the pinned world.
	Filesystem world.Filesystem

	Inputs  []string // the only paths that a build sees; empty: the whole machine
	Overlay bool     // a writable layer over the working folder of a Command, thrown away
	Network bool     // the machine's network
	Limits  sandbox.Limits
	Machine sandbox.Machine // of sandbox.VM

	// Attribute finds out which variation each difference follows, by more
	// builds: at most MaxBuilds, 0 for attribute.DefaultMaxBuilds.
	Attribute bool
	MaxBuilds int

	// Repeat is how often to build; 0 stands for twice. All builds are in the
	// same world. MissRate ends it sooner: once a result that comes up at that
	// rate has been missed with a chance of less than MissChance.
	Repeat   int
	MissRate float64

	// Parallel is how many of the builds beyond the first two run at the same
	// time; 0 stands for what the machine's memory and processors allow.
	Parallel int

	// Tool is the program that signs what is kept.
	Tool report.Tool

	// Sandbox runs the builds; nil stands for package sandbox.
	Sandbox Sandbox
}

// Sandbox runs builds. Its methods may be called at the same time.
type Sandbox interface {
	// Run is sandbox.Run.
	Run(ctx context.Context, r sandbox.Request) (*sandbox.Result, error)
	// Can is sandbox.Can.
	Can(l sandbox.Level, w *world.World) map[world.Name]string
}

// realSandbox is package sandbox.
type realSandbox struct{}

func (realSandbox) Run(ctx context.Context, r sandbox.Request) (*sandbox.Result, error) {
	return sandbox.Run(ctx, r)
}

func (realSandbox) Can(l sandbox.Level, w *world.World) map[world.Name]string {
	return sandbox.Can(l, w)
}

// check refuses what does not go together.
func (o *Options) check() error {
	switch {
	case o.Repeat < 0 || o.Repeat == 1:
		return fmt.Errorf("repeat %d: it takes two builds to compare", o.Repeat)
	case o.MissRate < 0 || o.MissRate >= 1:
		return fmt.Errorf("miss rate %v: is no rate between 0 and 1", o.MissRate)
	case o.MissRate > 0 && o.Repeat == 0:
		return fmt.Errorf("a miss rate ends repeated builds; say how many there are at most")
	case o.Repeat > 0 && o.Attribute:
		return fmt.Errorf("attributing varies the world, repeating does not: one at a time")
	case o.Repeat > 0 && len(o.Vary) > 0:
		return fmt.Errorf("repeated builds are all in the same world: there is nothing to vary")
	case o.Pin && o.Attribute && len(o.Vary) == 0:
		return fmt.Errorf("both builds are in the pinned world: there is nothing to attribute")
	}
	return nil
}
