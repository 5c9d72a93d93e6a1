package world

import (
	"errors"
	"slices"
	"strings"
	"time"
)

// clockShift moves a clock to another year, month, day of the week, hour,
// minute and second.
const clockShift = (400*24+5)*time.Hour + 17*time.Minute + 23*time.Second

// Vary gives one part of w another value: one that a builder which does not
// look at it never notices, and that is as different as can be to one that
// does. An error says, in a few words, why this machine has no other value.
//
// A part that w leaves to the machine is taken to be the machine's.
func Vary(w World, n Name, m Machine) (World, error) {
	switch n {
	case Time:
		w.Clock = otherClock(w.Clock)
	case Timezone:
		w.Timezone = otherTimezone(w.Timezone, m)
	case LocaleName:
		w.Locale = otherLocale(w.Locale, m)
	case Environment:
		// reprotest's name for it, so that one that was left on purpose is known.
		w.Environment = append(slices.Clip(w.Environment), "CAPTURE_ENVIRONMENT=i_capture_the_environment")
	case ExecPath:
		w.ExecPath = append(slices.Clip(w.ExecPath), "/i_capture_the_path")
	case Home:
		w.Home = other("/homeless-varied", "/homeless-again", w.Home)
	case BuildPath:
		// Of another depth and length: both are known to get into images.
		w.BuildPath = other("/varied/build-path", "/varied/another", w.BuildPath)
	case UserGroup:
		w.User = otherUser(w.User, m)
	case Umask:
		now := m.Umask
		if w.Umask != nil {
			now = *w.Umask
		}
		v := other(uint32(0o002), 0o022, now)
		w.Umask = &v
	case DomainHost:
		w.Host = Host{Name: other("varied-host", "another-host", w.Host.Name), Domain: "varied.example"}
	case FileOrdering:
		mode := OrderReversed
		if w.FileOrdering.Mode == OrderReversed {
			mode = OrderSorted
		}
		w.FileOrdering = Ordering{Mode: mode}
	case NumCPUs:
		return varyCPUs(w, m)
	case ASLRName:
		if !m.ASLR {
			return w, errors.New("the kernel lays out no addresses at random (randomize_va_space is 0)")
		}
		if w.ASLR == ASLROff {
			w.ASLR = ASLROn
		} else {
			w.ASLR = ASLROff
		}
	case KernelName:
		// Old, and yet young enough for every C library (glibc asks for 3.2).
		w.Kernel = Kernel{
			Release: other("5.10.0-99-varied", "5.15.0-99-varied", w.Kernel.Release),
			Version: "#77 SMP Debian 5.10.70-1 (2021-09-30)",
		}
	case RandomName:
		w.Random = Random{Seed: other("varied", "varied again", w.Random.Seed)}
	case PID:
		w.PID = other(23456, 12345, w.PID)
	case Memory:
		now := w.Memory
		if now == 0 {
			now = m.Memory
		}
		// Less than there is, so that nobody takes more than there is.
		w.Memory = now / 2 >> 20 << 20
		if w.Memory == 0 {
			return w, errors.New("the machine does not tell how much memory it has")
		}
	case FilesystemOf:
		w.Filesystem = other(FilesystemDisk, FilesystemTmpfs, w.Filesystem)
	case InodesName:
		w.Inodes = Inodes{Skip: w.Inodes.Skip + 1_000_003}
	case InputTimesOf:
		w.InputTimes = InputTimes{Mode: InputTimesShifted, Offset: w.InputTimes.Offset + 30*24*time.Hour + time.Hour + 61*time.Second}
	case Load:
		if w.Load > 0 {
			w.Load = 0
		} else {
			w.Load = 2 * max(m.CPUs, 1)
		}
	}
	return w, nil
}

// other is the first of two values that is not the present one.
func other[T comparable](first, second, present T) T {
	if first != present {
		return first
	}
	return second
}

func otherClock(c Clock) Clock {
	switch c.Mode {
	case ClockHost:
		return Clock{Mode: ClockShifted, Offset: clockShift}
	case ClockShifted:
		c.Offset += clockShift
	default:
		c.Start = c.Start.Add(clockShift)
	}
	return c
}

// otherTimezone is behind UTC, or ahead of it, by enough that the day changes
// too. The names are rules of POSIX and need no database of time zones; where
// there is one, programs that know only its names find them there.
func otherTimezone(now string, m Machine) string {
	if now == "" {
		now = m.Timezone
	}
	return other("PST8PDT", "EST5EDT", now)
}

// otherLocale is an installed locale that sorts, formats and speaks in another
// way than the present one. Where none is installed, the character set at
// least is another.
func otherLocale(now Locale, m Machine) Locale {
	present := now.effective()
	if now == (Locale{}) {
		present = m.Locale.effective()
	}
	if name := foreign(present, m); name != "" {
		lang, _, _ := strings.Cut(name, "_")
		return Locale{Lang: name, Language: lang, LCAll: name}
	}
	name := "C.UTF-8"
	if plainLocale(present) && strings.Contains(present, ".") {
		name = "C" // from C.UTF-8 to C
	}
	return Locale{Lang: name, LCAll: name}
}

// foreign is the installed locale that is the most unlike a present one, or
// "". Estonian has z between s and t, which reprotest relies on as well.
func foreign(present string, m Machine) string {
	language := func(s string) string {
		s, _, _ = strings.Cut(s, ".")
		s, _, _ = strings.Cut(s, "_")
		return s
	}
	for _, want := range []string{"et", "tr", "fr", "de", "ja", "en", ""} {
		for _, name := range m.Locales {
			utf8 := strings.Contains(strings.ToLower(strings.ReplaceAll(name, "-", "")), "utf8")
			if plainLocale(name) || !utf8 || language(name) == language(present) || want != "" && language(name) != want {
				continue
			}
			return name
		}
	}
	return ""
}

// plainLocale tells whether a locale is the C one, in whatever character set.
func plainLocale(name string) bool {
	name, _, _ = strings.Cut(name, ".")
	return name == "" || name == "C" || name == "POSIX"
}

// Remark is what has to be said about the value that Vary gave; mostly
// nothing.
func Remark(n Name, w World, m Machine) string {
	if n == LocaleName && plainLocale(w.Locale.effective()) && plainLocale(m.Locale.effective()) {
		return "no locale with an order of its own is installed: names sort as before (Debian has locales-all)"
	}
	return ""
}

func otherUser(u User, m Machine) User {
	if !u.Set {
		u = m.User
	}
	v := User{Set: true, Name: "varied", Group: "varied", UID: 4321, GID: 4322}
	if u.UID == v.UID {
		v.UID, v.GID = 5432, 5433
	}
	return v
}

func varyCPUs(w World, m Machine) (World, error) {
	now := w.CPUs
	if now == 0 {
		now = m.CPUs
	}
	switch {
	case now > 1:
		w.CPUs = 1
	case m.CPUs > 1:
		w.CPUs = m.CPUs
	default:
		return w, errors.New("the machine has one processor")
	}
	return w, nil
}
