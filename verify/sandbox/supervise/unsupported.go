package supervise

import "github.com/reprodisk/reprodisk/verify/world"

// parts are the names of what a world leaves to supervision.
func (c controls) parts() []world.Name {
	var names []world.Name
	for _, p := range []struct {
		on   bool
		name world.Name
	}{
		{c.clock, world.Time},
		{c.random, world.RandomName},
		{c.order, world.FileOrdering},
		{c.uname, world.KernelName},
		{c.memory, world.Memory},
		{c.inodes, world.InodesName},
		{c.inputTimes, world.InputTimesOf},
	} {
		if p.on {
			names = append(names, p.name)
		}
	}
	return names
}

// Unsupported names the parts of a world that supervision cannot make on this
// machine, with why.
func Unsupported(w *world.World) map[world.Name]string {
	out := map[world.Name]string{}
	if why := missing(); why != "" {
		for _, n := range controlsOf(w, true, false).parts() {
			out[n] = why
		}
	}
	return out
}
