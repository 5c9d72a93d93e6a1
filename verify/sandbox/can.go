package sandbox

import (
	"fmt"

	"github.com/reprodisk/reprodisk/verify/world"
)

// Can says which parts of a world a level cannot make on this machine, and why.
// Parts that the world leaves to the machine are not among them.
func Can(l Level, w *world.World) map[world.Name]string {
	no := map[world.Name]string{}
	for _, n := range set(w) {
		if why := cannot(l, w, n); why != "" {
			no[n] = why
		}
	}
	return no
}

// set lists the parts that a world sets.
func set(w *world.World) (names []world.Name) {
	is := map[world.Name]bool{
		world.Time:         w.Clock.Mode != world.ClockHost,
		world.Timezone:     w.Timezone != "",
		world.LocaleName:   w.Locale != world.Locale{},
		world.Environment:  len(w.Environment) > 0,
		world.ExecPath:     len(w.ExecPath) > 0,
		world.Home:         w.Home != "",
		world.BuildPath:    w.BuildPath != "",
		world.UserGroup:    w.User.Set,
		world.Umask:        w.Umask != nil,
		world.DomainHost:   w.Host != world.Host{},
		world.FileOrdering: w.FileOrdering.Mode != world.OrderHost,
		world.NumCPUs:      w.CPUs > 0,
		world.ASLRName:     w.ASLR != world.ASLRHost,
		world.KernelName:   w.Kernel != world.Kernel{},
		world.RandomName:   w.Random.Seed != "",
		world.PID:          w.PID > 0,
		world.Memory:       w.Memory > 0,
		world.FilesystemOf: w.Filesystem != world.FilesystemAny,
		world.InodesName:   w.Inodes != world.Inodes{},
		world.InputTimesOf: w.InputTimes.Mode != world.InputTimesHost,
		world.Load:         w.Load > 0,
	}
	for _, n := range world.Names() {
		if is[n] {
			names = append(names, n)
		}
	}
	return names
}

// cannot says why a level cannot make a part, "" where it can.
func cannot(l Level, w *world.World, n world.Name) string {
	switch n {
	case world.Time, world.FileOrdering, world.KernelName, world.RandomName, world.Memory, world.InodesName, world.InputTimesOf:
		return "needs supervision, which there is none of yet"
	}
	switch l {
	case VM:
		return "there is no guest yet"
	case Isolated:
	default:
		switch n {
		case world.BuildPath, world.Home, world.UserGroup, world.PID:
			return fmt.Sprintf("needs namespaces, which the level %s does without", l)
		}
	}
	return ""
}
