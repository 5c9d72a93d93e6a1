package sandbox

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/reprodisk/reprodisk/verify/sandbox/supervise"
	"github.com/reprodisk/reprodisk/verify/world"
)

// Can says which parts of a world a level cannot make on this machine, and why.
// Parts that the world leaves to the machine are not among them.
func Can(l Level, w *world.World) map[world.Name]string {
	no := map[world.Name]string{}
	if l == "" {
		l = Isolated
	}
	unsupported := supervise.Unsupported(w)
	for _, n := range chosen(w) {
		why := cannot(l, w, n)
		if why == "" && l != None {
			why = unsupported[n]
		}
		if why != "" {
			no[n] = why
		}
	}
	return no
}

// chosen lists the parts that a world does not leave to the machine.
func chosen(w *world.World) (names []world.Name) {
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
	case world.LocaleName:
		return missingLocale(w.Locale)
	case world.NumCPUs:
		if l == VM {
			if w.CPUs > MaxCPUs {
				return fmt.Sprintf("a virtual machine has at most %d", MaxCPUs)
			}
			return ""
		}
		if have := runtime.NumCPU(); w.CPUs > have {
			return fmt.Sprintf("this machine has %d, and a build cannot run on more", have)
		}
	}
	switch l {
	case None:
		switch n {
		case world.Time, world.FileOrdering, world.KernelName, world.RandomName, world.Memory, world.InodesName,
			world.InputTimesOf, world.DomainHost:
			return "needs supervision, which the level none does without"
		}
		fallthrough
	case Supervised:
		switch n {
		case world.BuildPath, world.Home, world.UserGroup, world.PID:
			return fmt.Sprintf("needs namespaces, which the level %s does without", l)
		case world.FilesystemOf:
			return "the build folder lies where the output does; another filesystem needs the level isolated"
		}
	case Isolated:
		if n == world.PID {
			return noPID()
		}
	}
	return ""
}

// noPID says why process numbers cannot be chosen.
func noPID() string {
	if _, err := os.Stat("/proc/sys/kernel/ns_last_pid"); err != nil {
		return "this kernel has no /proc/sys/kernel/ns_last_pid (CONFIG_CHECKPOINT_RESTORE)"
	}
	return ""
}

// missingLocale names a locale that the machine does not have: to a program the
// locale is then C, whatever the variables say.
func missingLocale(l world.Locale) string {
	name := l.LCAll
	if name == "" {
		name = l.Lang
	}
	if name == "" || name == "C" || name == "POSIX" {
		return ""
	}
	have := world.ReadMachine().Locales
	if slices.ContainsFunc(have, func(h string) bool { return normalLocale(h) == normalLocale(name) }) {
		return ""
	}
	return fmt.Sprintf("the locale %s is not installed (there is: %s); apt-get install locales-all", name, strings.Join(have, ", "))
}

// normalLocale writes a locale's name as glibc looks it up: the codeset without
// punctuation, in lower case.
func normalLocale(s string) string {
	name, codeset, ok := strings.Cut(s, ".")
	if !ok {
		return s
	}
	codeset, modifier, _ := strings.Cut(codeset, "@")
	codeset = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(codeset))
	return name + "." + codeset + "@" + modifier
}

// partly says of the parts that a level makes what they leave out.
func partly(l Level, w *world.World) map[world.Name]string {
	out := map[world.Name]string{}
	if !l.Hides() {
		if w.CPUs > 0 {
			out[world.NumCPUs] = "/proc/cpuinfo and /sys still show all processors"
		}
		if w.Kernel != (world.Kernel{}) {
			out[world.KernelName] = "/proc/version and /proc/sys/kernel/osrelease still show the machine's"
		}
		if w.Memory > 0 {
			out[world.Memory] = "/proc/meminfo still shows the machine's"
		}
	}
	return out
}
