package world

import (
	"fmt"
	"strconv"
	"time"
)

// DefaultStart is when a pinned world's clock stands where nobody says
// otherwise.
var DefaultStart = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// StartFrom is the time that SOURCE_DATE_EPOCH says, whole seconds since 1970,
// or DefaultStart where it is empty.
func StartFrom(sourceDateEpoch string) (time.Time, error) {
	if sourceDateEpoch == "" {
		return DefaultStart, nil
	}
	sec, err := strconv.ParseInt(sourceDateEpoch, 10, 64)
	if err != nil || sec < 0 || sec > 1<<40 {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH %q is not a number of seconds since 1970", sourceDateEpoch)
	}
	return time.Unix(sec, 0).UTC(), nil
}

// Pinned is a world of which nothing is left to the machine but the user and
// the filesystem: two builds in it see the same, today and on other machines.
func Pinned(start time.Time) World {
	umask := uint32(0o022)
	return World{
		Clock:        Clock{Mode: ClockFrozen, Start: start},
		Timezone:     "UTC",
		Locale:       Locale{Lang: "C.UTF-8", LCAll: "C.UTF-8"},
		Home:         "/homeless",
		BuildPath:    "/build",
		Umask:        &umask,
		Host:         Host{Name: "pinned", Domain: "(none)"}, // the kernel's own word for no domain
		FileOrdering: Ordering{Mode: OrderSorted},
		CPUs:         1,
		ASLR:         ASLROff,
		// Young enough for the C library of every distribution that is kept up.
		Kernel:     Kernel{Release: "6.1.0-pinned", Version: "#1 SMP PREEMPT_DYNAMIC (2023-01-01)"},
		Random:     Random{Seed: "pinned"},
		PID:        1000,
		Memory:     4 << 30,
		Filesystem: FilesystemTmpfs,
		InputTimes: InputTimes{Mode: InputTimesMtime},
	}
}

// Hold gives w the pinned value of one part.
func Hold(w World, n Name, start time.Time) World {
	return with(w, n, Pinned(start))
}

// with is w with one part of another world.
func with(w World, n Name, from World) World {
	switch n {
	case Time:
		w.Clock = from.Clock
	case Timezone:
		w.Timezone = from.Timezone
	case LocaleName:
		w.Locale = from.Locale
	case Environment:
		w.Environment = from.Environment
	case ExecPath:
		w.ExecPath = from.ExecPath
	case Home:
		w.Home = from.Home
	case BuildPath:
		w.BuildPath = from.BuildPath
	case UserGroup:
		w.User = from.User
	case Umask:
		w.Umask = from.Umask
	case DomainHost:
		w.Host = from.Host
	case FileOrdering:
		w.FileOrdering = from.FileOrdering
	case NumCPUs:
		w.CPUs = from.CPUs
	case ASLRName:
		w.ASLR = from.ASLR
	case KernelName:
		w.Kernel = from.Kernel
	case RandomName:
		w.Random = from.Random
	case PID:
		w.PID = from.PID
	case Memory:
		w.Memory = from.Memory
	case FilesystemOf:
		w.Filesystem = from.Filesystem
	case InodesName:
		w.Inodes = from.Inodes
	case InputTimesOf:
		w.InputTimes = from.InputTimes
	case Load:
		w.Load = from.Load
	}
	return w
}

// Mix is a with the named parts of b.
func Mix(a, b World, names ...Name) World {
	for _, n := range names {
		a = with(a, n, b)
	}
	return a
}
