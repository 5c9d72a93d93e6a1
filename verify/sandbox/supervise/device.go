//go:build linux

package supervise

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// How the devices of randomness are read.
//
// Neither a filter nor the supervisor sees at read(2) at no cost which file is
// read. So it is the opening that is looked at: a path whose name speaks of
// randomness, or of another descriptor. Where that has opened one of the files
// below, the process is stopped before and after each of its system calls from
// then on, its children likewise, until none of its descriptors is such a file
// any more. Reads run as they are, with the kernel's lengths and errors; then the
// bytes are overwritten.

// source is a file that holds randomness.
type source int

const (
	notRandom source = iota
	randomDevice
	randomUUID // /proc/sys/kernel/random/uuid: another one at each read
	bootID     // /proc/sys/kernel/random/boot_id: always the same
)

// mayBeRandom tells whether a path has to be looked at once it is open.
func mayBeRandom(path string) bool {
	if strings.Contains(path, "random") {
		return true
	}
	return (strings.HasPrefix(path, "/dev/") || strings.HasPrefix(path, "/proc/")) &&
		(strings.Contains(path, "fd/") || strings.HasPrefix(path, "/dev/std"))
}

func (s *supervisor) open(t *thread)    { s.opening(t, t.call.args[0]) }
func (s *supervisor) openat(t *thread)  { s.opening(t, t.call.args[1]) }
func (s *supervisor) openat2(t *thread) { s.opening(t, t.call.args[1]) }

func (s *supervisor) opening(t *thread, addr uint64) {
	path, ok := t.readString(addr, maxPath)
	if !ok {
		return
	}
	s.askPath(path)
	if s.controls.random && !t.proc.devices && mayBeRandom(path) {
		t.pending = s.opened
	}
}

func (s *supervisor) opened(t *thread, fd int64) {
	if fd < 0 || t.source(uint32(fd)) == notRandom {
		return
	}
	p := t.proc
	p.devices = true
	for _, other := range s.threads {
		if other.proc == p && other != t {
			ptrace(unix.PTRACE_INTERRUPT, other.tid, 0, 0) // it resumes with stops
		}
	}
}

func (t *thread) descriptor(fd uint32) string {
	return "/proc/" + strconv.Itoa(t.tid) + "/fd/" + strconv.FormatUint(uint64(fd), 10)
}

// source tells what an open descriptor is. It does not ask the filesystem, which
// may be served by a process of the build that stands still meanwhile.
func (t *thread) source(fd uint32) source {
	path := t.descriptor(fd)
	var st unix.Statx_t
	if unix.Statx(unix.AT_FDCWD, path, unix.AT_STATX_DONT_SYNC, unix.STATX_TYPE, &st) != nil {
		return notRandom
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFCHR:
		if st.Rdev_major == 1 && (st.Rdev_minor == 8 || st.Rdev_minor == 9) { // Documentation/admin-guide/devices.txt
			return randomDevice
		}
	case unix.S_IFREG:
		switch name, _ := os.Readlink(path); {
		case strings.HasSuffix(name, "/sys/kernel/random/uuid"):
			return randomUUID
		case strings.HasSuffix(name, "/sys/kernel/random/boot_id"):
			return bootID
		}
	}
	return notRandom
}

// holdsDevices looks through a process's descriptors.
func (t *thread) holdsDevices() bool {
	dir, err := os.Open("/proc/" + strconv.Itoa(t.tid) + "/fd")
	if err != nil {
		return false
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return true
	}
	for _, name := range names {
		if fd, err := strconv.ParseUint(name, 10, 32); err == nil && t.source(uint32(fd)) != notRandom {
			return true
		}
	}
	return false
}

// entered is a stop before a system call of a process that holds a device.
func (s *supervisor) entered(t *thread) {
	fd := uint32(t.call.args[0])
	switch use := usesOf(t.call.nr); use {
	case usesNothing:
	case usesCloseMany:
		t.pending = s.closed
	case usesClose, usesReplace:
		if use == usesReplace {
			fd = uint32(t.call.args[1]) // of dup2: the one that is closed for it
		}
		if t.source(fd) != notRandom {
			t.pending = s.closed
		}
	case usesSendfile, usesSplice:
		from := 0
		if use == usesSendfile {
			from = 1
		}
		if t.source(uint32(t.call.args[from])) != notRandom { // then they read(2)
			t.setArg(from, ^uint64(0))
			t.pending = func(t *thread, _ int64) {
				t.setArg(from, t.call.args[from])
				t.setResult(-int64(unix.EINVAL))
			}
		}
	case usesRead, usesReadv:
		if what := t.source(fd); what != notRandom {
			s.ask(askRandom)
			t.pending = func(t *thread, n int64) { s.overwrite(t, what, use == usesReadv, n) }
		}
	}
}

// closed looks whether a process may run at full speed again.
func (s *supervisor) closed(t *thread, _ int64) { t.proc.devices = t.holdsDevices() }

// use is what a system call does with descriptors.
type use int

const (
	usesNothing   use = iota
	usesRead          // (fd, buffer, …)
	usesReadv         // (fd, vector, count, …)
	usesSendfile      // (out, in, …)
	usesSplice        // (in, …): splice, tee, copy_file_range
	usesClose         // (fd)
	usesCloseMany     // (first, last, …)
	usesReplace       // (old, new): dup2, dup3
)

const maxVectors = 1024 // UIO_MAXIOV of linux/uio.h

// overwrite puts the stream's bytes in the place of n that have been read.
func (s *supervisor) overwrite(t *thread, what source, vector bool, n int64) {
	if n <= 0 || t.proc.prog == nil {
		return
	}
	var text []byte
	if what != randomDevice {
		var b [16]byte
		if what == bootID {
			s.seed.fixed("boot_id", b[:])
		} else {
			t.proc.prog.bytes.Read(b[:])
		}
		text = []byte(uuid(b))
	}
	for _, piece := range t.pieces(vector, uint64(n)) {
		if what == randomDevice {
			s.fill(t, piece.addr, piece.size)
			continue
		}
		part := text[:min(uint64(len(text)), piece.size)]
		t.write(piece.addr, part)
		text = text[len(part):]
	}
}

type piece struct{ addr, size uint64 }

// pieces are the places in memory that a read has filled with n bytes.
func (t *thread) pieces(vector bool, n uint64) []piece {
	if !vector {
		return []piece{{t.call.args[1], n}}
	}
	b := make([]byte, 16*min(t.call.args[2], maxVectors))
	if !t.read(t.call.args[1], b) {
		return nil
	}
	var out []piece
	for ; len(b) > 0 && n > 0; b = b[16:] {
		v := momentFrom(b) // two words: address, size
		size := min(uint64(v.nsec), n)
		out = append(out, piece{uint64(v.sec), size})
		n -= size
	}
	return out
}
