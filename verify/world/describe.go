package world

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Describe says for a person what one part of a world is, exactly. m gives the
// values of what is left to the machine.
func Describe(n Name, w World, m Machine) string {
	switch n {
	case Time:
		return describeClock(w.Clock, m)
	case Timezone:
		return cmp.Or(w.Timezone, m.Timezone, "the machine's")
	case LocaleName:
		return describeLocale(w.Locale, m)
	case Environment:
		return "the caller's" + plus(w.Environment)
	case ExecPath:
		return "the caller's" + plus(w.ExecPath)
	case Home:
		return cmp.Or(w.Home, "an empty folder")
	case BuildPath:
		return cmp.Or(w.BuildPath, "the sandbox's")
	case UserGroup:
		u := w.User
		if !u.Set {
			u = m.User
		}
		return strings.TrimPrefix(fmt.Sprintf("%s %d:%d", u.Name, u.UID, u.GID), " ")
	case Umask:
		mask := m.Umask
		if w.Umask != nil {
			mask = *w.Umask
		}
		return fmt.Sprintf("%04o", mask)
	case DomainHost:
		name, domain := cmp.Or(w.Host.Name, m.Host.Name), cmp.Or(w.Host.Domain, m.Host.Domain)
		if domain == "" || domain == "(none)" {
			return name
		}
		return name + ", domain " + domain
	case FileOrdering:
		return describeOrdering(w.FileOrdering)
	case NumCPUs:
		return strconv.Itoa(cmp.Or(w.CPUs, m.CPUs))
	case ASLRName:
		if w.ASLR == ASLROff || w.ASLR == ASLRHost && !m.ASLR {
			return "off"
		}
		return "on"
	case KernelName:
		return cmp.Or(w.Kernel.Release, m.Kernel.Release) + " " + cmp.Or(w.Kernel.Version, m.Kernel.Version)
	case RandomName:
		if w.Random.Seed == "" {
			return "the kernel's"
		}
		return "from the seed " + strconv.Quote(w.Random.Seed)
	case PID:
		if w.PID == 0 {
			return "as they come"
		}
		return "from " + strconv.Itoa(w.PID) + " on"
	case Memory:
		return fmt.Sprintf("%d MiB", cmp.Or(w.Memory, m.Memory)>>20)
	case FilesystemOf:
		return cmp.Or(string(w.Filesystem), "the sandbox's")
	case InodesName:
		if w.Inodes.Skip == 0 {
			return "as they come"
		}
		return fmt.Sprintf("higher by %d", w.Inodes.Skip)
	case InputTimesOf:
		return describeInputTimes(w.InputTimes)
	case Load:
		if w.Load == 0 {
			return "none"
		}
		return fmt.Sprintf("%d busy processes", w.Load)
	}
	return ""
}

func plus(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return " and " + strings.Join(list, " ")
}

func describeClock(c Clock, m Machine) string {
	switch c.Mode {
	case ClockShifted:
		return fmt.Sprintf("%s, the machine's clock set %s", m.Now.Add(c.Offset).Format(time.RFC3339), shift(c.Offset))
	case ClockRunning:
		return "from " + c.Start.UTC().Format(time.RFC3339) + " on"
	case ClockFrozen:
		return c.Start.UTC().Format(time.RFC3339) + ", frozen"
	}
	return m.Now.Format(time.RFC3339) + ", the machine's clock"
}

// shift is an offset in days and what is left of them: "400d5h17m23s ahead".
func shift(d time.Duration) string {
	way := "ahead"
	if d < 0 {
		way, d = "back", -d
	}
	s := ""
	if days := d / (24 * time.Hour); days > 0 {
		s, d = fmt.Sprintf("%dd", days), d%(24*time.Hour)
	}
	if d > 0 || s == "" {
		s += d.String()
	}
	return s + " " + way
}

func describeLocale(l Locale, m Machine) string {
	if l == (Locale{}) {
		l = m.Locale
	}
	if l == (Locale{}) {
		return "C"
	}
	var parts []string
	for _, v := range []struct{ name, value string }{{"LANG", l.Lang}, {"LANGUAGE", l.Language}, {"LC_ALL", l.LCAll}} {
		if v.value != "" {
			parts = append(parts, v.name+"="+v.value)
		}
	}
	return strings.Join(parts, " ")
}

func describeOrdering(o Ordering) string {
	switch o.Mode {
	case OrderHost:
		return "the filesystem's"
	case OrderShuffled:
		return "shuffled by the seed " + strconv.Quote(o.Seed)
	}
	return string(o.Mode)
}

func describeInputTimes(t InputTimes) string {
	switch t.Mode {
	case InputTimesMtime:
		return "those of the last change of contents"
	case InputTimesShifted:
		return "those of the last change of contents, set " + shift(t.Offset)
	}
	return "as they are"
}
