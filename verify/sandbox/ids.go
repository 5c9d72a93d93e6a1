package sandbox

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/verify/world"
)

// ids is who is who in the user namespaces of a sandbox. Root of init's
// namespace is the caller; the build's user is root of init's namespace.
type ids struct {
	// OuterUID and OuterGID map init's namespace to the caller's.
	OuterUID, OuterGID []syscall.SysProcIDMap
	// InnerUID and InnerGID map the build's namespace to init's.
	InnerUID, InnerGID []syscall.SysProcIDMap
	UID, GID           int  // of the build, as it sees itself
	Groups             bool // setgroups(2) is allowed
	Ranges             bool // newuidmap(1) has to write the outer maps
	Swapped            bool // the build goes by another number than the caller
}

// mayHaveGroups tells whether setgroups(2) is allowed in the caller's user
// namespace.
func mayHaveGroups() bool { return firstLine("/proc/self/setgroups") != "deny" }

// extent is a run of ids that a user namespace knows.
type extent struct{ start, size int }

// maxIDs keeps sums of ids within 32 bits.
const maxIDs = 1<<32 - 2

// planIDs decides on the maps of a sandbox for a caller with the given ids.
// Root gets all ids that it has; others only their own, and those that
// /etc/subuid and /etc/subgid give them, if any.
func planIDs(u world.User, uid, gid int, own func(file string) []extent, sub func(file string) []extent) ids {
	p := ids{UID: uid, GID: gid}
	if u.Set {
		p.UID, p.GID = int(u.UID), int(u.GID)
	}
	p.Swapped = p.UID != uid || p.GID != gid
	if us, gs := own("/proc/self/uid_map"), own("/proc/self/gid_map"); us != nil && gs != nil {
		p.OuterUID, p.OuterGID, p.Groups = identity(us), identity(gs), mayHaveGroups()
		p.InnerUID, p.InnerGID = swap(us, p.UID, uid), swap(gs, p.GID, gid)
		return p
	}
	p.OuterUID = []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}}
	p.OuterGID = []syscall.SysProcIDMap{{ContainerID: 0, HostID: gid, Size: 1}}
	inner := [2][]extent{{{0, 1}}, {{0, 1}}}
	if us, gs := sub("/etc/subuid"), sub("/etc/subgid"); us != nil && gs != nil {
		p.OuterUID = append(p.OuterUID, syscall.SysProcIDMap{ContainerID: 1, HostID: us[0].start, Size: us[0].size})
		p.OuterGID = append(p.OuterGID, syscall.SysProcIDMap{ContainerID: 1, HostID: gs[0].start, Size: gs[0].size})
		// One run must not cross from one of the parent's to the next.
		inner = [2][]extent{{{0, 1}, {1, us[0].size}}, {{0, 1}, {1, gs[0].size}}}
		p.Groups, p.Ranges = true, true
	}
	p.InnerUID, p.InnerGID = swap(inner[0], p.UID, 0), swap(inner[1], p.GID, 0)
	return p
}

// identity maps every id to itself.
func identity(es []extent) (m []syscall.SysProcIDMap) {
	for _, e := range es {
		m = append(m, syscall.SysProcIDMap{ContainerID: e.start, HostID: e.start, Size: e.size})
	}
	return m
}

// swap maps every id of es to itself, but id to who, and who to id where es has
// it.
func swap(es []extent, id, who int) (m []syscall.SysProcIDMap) {
	if id == who {
		return identity(es)
	}
	m = append(m, syscall.SysProcIDMap{ContainerID: id, HostID: who, Size: 1})
	for _, e := range es {
		end := e.start + e.size
		for at := e.start; at < end; {
			switch {
			case at == id:
				m = append(m, syscall.SysProcIDMap{ContainerID: who, HostID: id, Size: 1})
				at++
				continue
			case at == who:
				at++
				continue
			}
			to := end
			for _, stop := range []int{id, who} {
				if stop > at && stop < to {
					to = stop
				}
			}
			m = append(m, syscall.SysProcIDMap{ContainerID: at, HostID: at, Size: to - at})
			at = to
		}
	}
	return m
}

// ownIDs are the ids that the caller may hand on: all of its user namespace's
// for root, nil for others.
func ownIDs(file string) []extent {
	if !capable(unix.CAP_SETUID) || !capable(unix.CAP_SETGID) || os.Geteuid() != 0 {
		return nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	return parseIDMap(string(b))
}

// parseIDMap reads the ids inside of a user namespace, user_namespaces(7).
func parseIDMap(s string) (es []extent) {
	for line := range strings.Lines(s) {
		f := strings.Fields(line)
		if len(f) != 3 {
			return nil
		}
		start, err1 := strconv.ParseUint(f[0], 10, 32)
		size, err2 := strconv.ParseUint(f[2], 10, 32)
		if err1 != nil || err2 != nil || size == 0 || start+size-1 > maxIDs {
			return nil
		}
		e := extent{int(start), int(size)}
		// No kernel maps an id twice.
		if slices.ContainsFunc(es, func(o extent) bool { return e.start < o.start+o.size && o.start < e.start+e.size }) {
			return nil
		}
		es = append(es, e)
	}
	return es
}

// capable tells whether this process has a capability in its user namespace.
func capable(c int) bool {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if unix.Capget(&hdr, &data[0]) != nil {
		return false
	}
	return data[c/32].Effective&(1<<(c%32)) != 0
}
