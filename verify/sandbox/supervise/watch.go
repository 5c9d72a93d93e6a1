//go:build linux

package supervise

import (
	"strings"

	"github.com/reprodisk/reprodisk/verify/world"
)

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

func (s *supervisor) askPID(*thread)  { s.ask(askPID) }
func (s *supervisor) askCPUs(*thread) { s.ask(askCPUs) }

// told is what files tell, by the beginning of their paths.
var told = []struct {
	prefix string
	names  []world.Name
}{
	{"/proc/meminfo", []world.Name{askMemory}},
	{"/proc/cpuinfo", []world.Name{askCPUs}},
	{"/proc/stat", []world.Name{askCPUs, askTime}}, // btime
	{"/proc/version", []world.Name{askKernel}},
	{"/proc/sys/kernel/", []world.Name{askKernel, askHost, askPID}},
	{"/proc/sys/", []world.Name{askMemory}},
	{"/proc/self", []world.Name{askPID}},
	{"/proc/uptime", []world.Name{askTime}},
	{"/proc/loadavg", []world.Name{askPID}},
	{"/sys/devices/system/cpu", []world.Name{askCPUs}},
	{"/sys/devices/system/node", []world.Name{askCPUs, askMemory}},
	{"/sys/fs/cgroup", []world.Name{askCPUs, askMemory}},
	{"/etc/hostname", []world.Name{askHost}},
	{"/dev/rtc", []world.Name{askTime}},
}

// askPath notes what opening a path tells. One of randomness is noted when it is
// opened, not when it is read.
func (s *supervisor) askPath(path string) {
	if !s.controls.watch {
		return
	}
	for _, f := range told {
		if strings.HasPrefix(path, f.prefix) {
			for _, n := range f.names {
				s.ask(n)
			}
		}
	}
	if mayBeRandom(path) {
		s.ask(askRandom)
	}
}
