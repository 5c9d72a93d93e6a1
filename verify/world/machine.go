package world

import (
	"bufio"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Machine is what a build would see without any world around it: the values
// that a zero part of a World stands for. Those of a world that varies it are
// chosen to be others.
type Machine struct {
	Now      time.Time
	Timezone string   // TZ of the caller
	Locale   Locale   // of the caller
	Locales  []string // installed beside C and POSIX, sorted, as locale -a spells them
	User     User
	CPUs     int // that the caller may run on
	Umask    uint32
	Host     Host
	Kernel   Kernel
	Memory   int64 // bytes
	ASLR     bool  // whether the kernel randomises addresses
	Home     string
}

// ReadMachine looks at the running machine. What cannot be read stays zero.
func ReadMachine() Machine {
	m := Machine{
		Now:      time.Now().UTC().Truncate(time.Second),
		Timezone: os.Getenv("TZ"),
		Locale:   Locale{Lang: os.Getenv("LANG"), Language: os.Getenv("LANGUAGE"), LCAll: os.Getenv("LC_ALL")},
		Locales:  installedLocales("/usr/lib/locale"),
		User:     User{UID: uint32(os.Geteuid()), GID: uint32(os.Getegid())},
		CPUs:     runtime.NumCPU(),
		Umask:    readUmask("/proc/self/status"),
		ASLR:     firstLine("/proc/sys/kernel/randomize_va_space") != "0",
		Home:     os.Getenv("HOME"),
	}
	if u, err := user.LookupId(strconv.Itoa(int(m.User.UID))); err == nil {
		m.User.Name = u.Username
	}
	var uts unix.Utsname
	if unix.Uname(&uts) == nil {
		m.Host = Host{Name: unix.ByteSliceToString(uts.Nodename[:]), Domain: unix.ByteSliceToString(uts.Domainname[:])}
		m.Kernel = Kernel{Release: unix.ByteSliceToString(uts.Release[:]), Version: unix.ByteSliceToString(uts.Version[:])}
	}
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		m.Memory = int64(info.Totalram) * int64(info.Unit)
	}
	return m
}

// effective is the locale that a program of the caller ends up with.
func (l Locale) effective() string {
	if l.LCAll != "" {
		return l.LCAll
	}
	return l.Lang
}

// installedLocales lists the locales of glibc in a folder: those that are
// folders of their own, and the names in its archive.
func installedLocales(dir string) []string {
	var names []string
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	names = append(names, archivedLocales(filepath.Join(dir, "locale-archive"))...)
	slices.Sort(names)
	return slices.Compact(names)
}

func readUmask(status string) uint32 {
	f, err := os.Open(status)
	if err != nil {
		return 0o022
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if v, ok := strings.CutPrefix(lines.Text(), "Umask:"); ok {
			if n, err := strconv.ParseUint(strings.TrimSpace(v), 8, 32); err == nil {
				return uint32(n)
			}
		}
	}
	return 0o022
}

func firstLine(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(b), "\n")
	return line
}
