package supervise

import "github.com/reprodisk/reprodisk/verify/world"

// controls is what of a world has to be supervised.
type controls struct {
	clock      bool // what time it is
	random     bool
	order      bool // of folders
	uname      bool
	memory     bool
	inodes     bool
	inputTimes bool
	watch      bool
}

// controlsOf tells what supervision has to do for a world. An exec stage that
// is the leader itself has no namespace of its own in which it could have
// another host name.
func controlsOf(w *world.World, leads, watch bool) controls {
	return controls{
		clock:      w.Clock.Mode != world.ClockHost,
		random:     w.Random.Seed != "",
		order:      w.FileOrdering.Mode != world.OrderHost,
		uname:      w.Kernel.Release != "" || w.Kernel.Version != "" || leads && (w.Host.Name != "" || w.Host.Domain != ""),
		memory:     w.Memory > 0,
		inodes:     w.Inodes.Skip != 0,
		inputTimes: w.InputTimes.Mode != world.InputTimesHost,
		watch:      watch,
	}
}

// stats tells whether the results of the stat family change.
func (c controls) stats() bool { return c.clock || c.inodes || c.inputTimes }

// opens tells whether opening files is of interest.
func (c controls) opens() bool { return c.random || c.watch }

// dents tells whether the listing of folders changes.
func (c controls) dents() bool { return c.order || c.inodes }

// Needed tells whether a world needs supervision at all, at whichever level.
func Needed(w *world.World) bool {
	return controlsOf(w, true, false) != controls{}
}
