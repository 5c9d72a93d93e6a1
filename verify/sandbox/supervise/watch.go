//go:build linux

package supervise

import "github.com/reprodisk/reprodisk/verify/world"

// What a build asks about.
const (
	askTime   = world.Time
	askRandom = world.RandomName
	askOrder  = world.FileOrdering
	askPID    = world.PID
	askCPUs   = world.NumCPUs
	askMemory = world.Memory
	askKernel = world.KernelName
	askHost   = world.DomainHost
)

// ask notes that the build has asked about something.
func (s *supervisor) ask(name world.Name) {
	if s.controls.watch {
		s.asked[name] = true
	}
}

// asking tells whether it is still of interest who asks about something.
func (s *supervisor) asking(name world.Name) bool { return s.controls.watch && !s.asked[name] }

// watched are the names of which a run can tell that nobody has asked. The
// others travel in the environment, in every result of stat, or in addresses.
func (s *supervisor) watched(name world.Name) bool {
	switch name {
	case askRandom, askOrder, askPID, askCPUs, askMemory, askKernel, askHost:
		return true
	case askTime:
		return s.controls.clock // else the vDSO answers by itself
	}
	return false
}

func (s *supervisor) askedNames() []world.Name {
	if !s.controls.watch {
		return nil
	}
	var names []world.Name
	for _, n := range world.Names() {
		if s.asked[n] || !s.watched(n) {
			names = append(names, n)
		}
	}
	return names
}
