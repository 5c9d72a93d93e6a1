//go:build linux

package supervise

import (
	"bytes"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/verify/world"
)

// How folders are listed.
//
// A program asks for a folder's entries a buffer at a time; an order over the
// whole folder needs all of them. So the supervisor takes a copy of the
// program's descriptor (pidfd_getfd(2)), reads the folder to its end the first
// time, when its position is 0, and serves from its own sorted list from then on.
// How far a program has got is kept where it always is: the position of the open
// file, which here counts entries. So it is shared by dup and fork, set by
// seekdir and rewinddir, and told by telldir, as ever. A list that is lost is read
// again.
//
// Where that does not do (a kernel before 5.6, a filesystem that is served by a
// process, perhaps one of the build that stands still meanwhile, a folder of more
// than maxListing bytes) each buffer is put into order by itself.

const (
	maxListing = 64 << 20 // bytes of one folder's entries
	maxLists   = 64       // folders whose lists are kept
)

// listing is a folder that some process is in the middle of.
type listing struct {
	key     listingKey
	entries []entry
}

type listingKey struct {
	mount, ino uint64
	tgid       int
	fd         uint32
}

// onlyBuffers is set by a test: no folder can be listed as a whole.
var onlyBuffers bool

func (s *supervisor) getdents(t *thread) {
	s.ask(askOrder)
	if !s.controls.dents() {
		return
	}
	if s.controls.order && !onlyBuffers && s.list(t) {
		return
	}
	t.pending = s.listed
}

// list answers from the list of the whole folder, or does nothing.
func (s *supervisor) list(t *thread) bool {
	fd, size := uint32(t.call.args[0]), uint64(uint32(t.call.args[2]))
	dir := t.proc.duplicate(int(fd))
	if dir < 0 {
		return false
	}
	defer unix.Close(dir)
	var st unix.Statx_t
	if unix.Statx(dir, "", unix.AT_EMPTY_PATH|unix.AT_STATX_DONT_SYNC, unix.STATX_INO|unix.STATX_TYPE|unix.STATX_MNT_ID, &st) != nil ||
		st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return false
	}
	mount := st.Mnt_id
	if st.Mask&unix.STATX_MNT_ID == 0 { // Linux 5.8
		mount, _ = t.descriptorField(fd, "mnt_id:")
	}
	if s.servedByProcess(t, mount) {
		return false
	}
	at, err := unix.Seek(dir, 0, unix.SEEK_CUR)
	if err != nil || at < 0 {
		return false
	}
	entries, ok := s.entries(listingKey{mount, st.Ino, t.proc.tgid, fd}, dir, at)
	if !ok {
		unix.Seek(dir, at, unix.SEEK_SET)
		return false
	}
	skip := uint64(0)
	if s.files.skip != 0 && s.files.inside(unix.Mkdev(st.Dev_major, st.Dev_minor)) {
		skip = s.files.skip
	}
	old := kind(t.call.data) == callGetdents
	var b []byte
	next := at
	for ; next < int64(len(entries)); next++ {
		e := entries[next]
		if uint64(len(b)+direntSize(e.name, old)) > size {
			break
		}
		e.ino += skip
		e.next = uint64(next + 1)
		b = appendDent(b, e, old)
	}
	result := int64(len(b))
	switch {
	case len(b) == 0 && next < int64(len(entries)):
		result = -int64(unix.EINVAL) // there is no room for one
		next = at
	case !t.write(t.call.args[1], b):
		result = -int64(unix.EFAULT)
		next = at
	}
	if _, err := unix.Seek(dir, next, unix.SEEK_SET); err != nil {
		return false
	}
	t.skip(result)
	return true
}

// entries returns a folder's list: a new one at its beginning.
func (s *supervisor) entries(key listingKey, dir int, at int64) ([]entry, bool) {
	for i, l := range s.listings {
		if l.key == key {
			s.listings = append(s.listings[:i], s.listings[i+1:]...)
			if at == 0 {
				break
			}
			s.listings = append(s.listings, l)
			return l.entries, true
		}
	}
	if at != 0 {
		if _, err := unix.Seek(dir, 0, unix.SEEK_SET); err != nil {
			return nil, false
		}
	}
	var es []entry
	b := make([]byte, 64<<10)
	for total := 0; ; {
		n, err := unix.Getdents(dir, b)
		if err != nil {
			return nil, false // the kernel tells the program
		}
		if n == 0 {
			break
		}
		more, ok := parseDents(b[:n], false)
		if total += n; !ok || total > maxListing {
			return nil, false
		}
		es = append(es, more...)
	}
	reorder(es, s.o.World.FileOrdering)
	if len(s.listings) >= maxLists {
		s.listings = append(s.listings[:0], s.listings[1:]...)
	}
	s.listings = append(s.listings, listing{key, es})
	return es, true
}

// listed changes one buffer that the kernel has filled.
func (s *supervisor) listed(t *thread, n int64) {
	if n <= 0 || n > maxListing {
		return
	}
	b := make([]byte, n)
	if !t.read(t.call.args[1], b) {
		return
	}
	skip := uint64(0)
	if s.files.skip != 0 {
		var st unix.Statx_t
		path := t.descriptor(uint32(t.call.args[0]))
		if unix.Statx(unix.AT_FDCWD, path, unix.AT_STATX_DONT_SYNC, unix.STATX_TYPE, &st) == nil && s.files.inside(unix.Mkdev(st.Dev_major, st.Dev_minor)) {
			skip = s.files.skip
		}
	}
	order := s.o.World.FileOrdering
	if skip == 0 && order.Mode == world.OrderHost {
		return
	}
	if out, ok := rewriteDents(b, kind(t.call.data) == callGetdents, order, skip); ok {
		t.write(t.call.args[1], out)
	}
}

// duplicate returns a descriptor of our own for the open file of a process, or
// -1.
func (p *process) duplicate(fd int) int {
	if p.pidfd == 0 {
		pidfd, err := unix.PidfdOpen(p.tgid, 0)
		if err != nil {
			return -1
		}
		p.pidfd = pidfd
	}
	dir, err := unix.PidfdGetfd(p.pidfd, fd, 0)
	if err != nil {
		return -1
	}
	return dir
}

// mounted forgets which filesystem is where.
func (s *supervisor) mounted(t *thread) {
	t.pending = func(*thread, int64) { s.mounts = nil }
}

// servedByProcess tells whether a mount's filesystem is FUSE, or unknown.
func (s *supervisor) servedByProcess(t *thread, mount uint64) bool {
	if s.mounts == nil {
		s.mounts = map[uint64]bool{}
	}
	served, known := s.mounts[mount]
	if !known {
		b, _ := os.ReadFile("/proc/" + strconv.Itoa(t.tid) + "/mountinfo")
		for id, fuse := range fuseMounts(b) {
			s.mounts[id] = fuse
		}
		if served, known = s.mounts[mount]; !known {
			s.mounts[mount], served = true, true
		}
	}
	return served
}

// fuseMounts reads /proc/PID/mountinfo: which mount is one of FUSE.
func fuseMounts(b []byte) map[uint64]bool {
	out := map[uint64]bool{}
	for line := range bytes.Lines(b) {
		before, after, ok := bytes.Cut(line, []byte(" - "))
		id, _, _ := bytes.Cut(before, []byte(" "))
		n, err := strconv.ParseUint(string(id), 10, 64)
		if ok && err == nil {
			out[n] = bytes.HasPrefix(after, []byte("fuse"))
		}
	}
	return out
}
