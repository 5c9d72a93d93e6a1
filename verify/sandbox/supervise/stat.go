//go:build linux

package supervise

import (
	"encoding/binary"
	"time"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/verify/world"
)

// Byte offsets in struct stat of 64-bit machines (asm/stat.h, asm-generic/stat.h
// has these at the same places) and in struct statx (linux/stat.h).
const (
	statSize  = 144
	statDev   = 0
	statIno   = 8
	statMode  = 24
	statAtime = 72
	statMtime = 88
	statCtime = 104

	statxSize     = 256
	statxMask     = 0
	statxMode     = 28
	statxIno      = 32
	statxAtime    = 64
	statxBtime    = 80
	statxCtime    = 96
	statxMtime    = 112
	statxDevMajor = 136
	statxDevMinor = 140
)

// files is how a world shows inodes.
type files struct {
	start   moment // files that are older were there before the build
	clock   *clock // nil: times as they are
	inputs  world.InputTimes
	skip    uint64 // added to inode numbers
	inside  func(dev uint64) bool
	devices map[uint64]uint32 // the sandbox's own, in the order in which they came up
}

// fileTimesFrom is the earliest time that a file can get that is made after
// start.
func fileTimesFrom(start time.Time) moment { return momentOf(start.Add(-tick)) }

// made tells whether a file's time lies between the start and now: the kernel
// has set it. Some filesystems store whole seconds, FAT two at a time.
func (f *files) made(m, now moment) bool {
	if now.before(m) {
		return false
	}
	if m.nsec == 0 {
		return f.start.sec-1 <= m.sec
	}
	return !m.before(f.start)
}

// fileTimes are those of a file, each with where it is stored: 64 bits of
// seconds, and behind these the nanoseconds, 64 or 32 bits of them.
type fileTimes struct {
	atime, mtime, ctime, btime int // btime 0: there is none
	wide                       bool
}

var (
	statTimes  = fileTimes{atime: statAtime, mtime: statMtime, ctime: statCtime, wide: true}
	statxTimes = fileTimes{atime: statxAtime, mtime: statxMtime, ctime: statxCtime, btime: statxBtime}
)

func (ft fileTimes) get(b []byte, at int) moment {
	return moment{int64(binary.LittleEndian.Uint64(b[at:])), int64(binary.LittleEndian.Uint32(b[at+8:]))}
}

func (ft fileTimes) put(b []byte, at int, m moment) {
	binary.LittleEndian.PutUint64(b[at:], uint64(m.sec))
	if ft.wide {
		binary.LittleEndian.PutUint64(b[at+8:], uint64(m.nsec))
	} else {
		binary.LittleEndian.PutUint32(b[at+8:], uint32(m.nsec))
	}
}

// times rewrites a file's times, and tells whether any was different. Whether
// one has to do with the clock is the second result.
func (f *files) times(b []byte, ft fileTimes, now moment) (changed, dated bool) {
	all := []int{ft.atime, ft.mtime, ft.ctime, ft.btime}
	if ft.btime == 0 {
		all = all[:3]
	}
	ctime := ft.get(b, ft.ctime)
	if f.inputs.Mode != world.InputTimesHost && !f.made(ctime, now) && ctime.before(f.start) {
		m := ft.get(b, ft.mtime)
		if f.inputs.Mode == world.InputTimesShifted {
			m = m.plus(momentOf(time.Unix(0, int64(f.inputs.Offset))))
		}
		for _, at := range all {
			if at != ft.mtime {
				ft.put(b, at, m)
			}
		}
		return true, false
	}
	if f.clock == nil {
		return false, false
	}
	for _, at := range all {
		if m := ft.get(b, at); f.made(m, now) {
			ft.put(b, at, f.clock.shown(m))
			changed, dated = true, true
		}
	}
	return changed, dated
}

// firstMinor is the first device number that the sandbox's own filesystems are
// shown with, of major number 0 as those without a device have. The machine
// hands its numbers out to all that is mounted in turn: they say nothing of the
// build. This is half of the 20 bits that a minor number has.
const firstMinor = 1 << 19

// device is the number that a filesystem of the sandbox is shown with: they are
// counted as they come up.
func (f *files) device(dev uint64) (uint64, bool) {
	if f.skip == 0 || !f.inside(dev) {
		return 0, false
	}
	n, ok := f.devices[dev]
	if !ok {
		if f.devices == nil {
			f.devices = map[uint64]uint32{}
		}
		n = uint32(len(f.devices))
		f.devices[dev] = n
	}
	return unix.Mkdev(0, firstMinor+uint32(f.skip%1000)<<8+n&0xff), true
}

// stat rewrites a struct stat.
func (f *files) stat(b []byte, now moment) (changed, dated bool) {
	changed, dated = f.times(b, statTimes, now)
	dev := binary.LittleEndian.Uint64(b[statDev:])
	if shown, ok := f.device(dev); ok {
		ino := binary.LittleEndian.Uint64(b[statIno:])
		binary.LittleEndian.PutUint64(b[statIno:], ino+f.skip)
		binary.LittleEndian.PutUint64(b[statDev:], shown)
		changed = true
	}
	return changed, dated
}

// statx rewrites a struct statx.
func (f *files) statx(b []byte, now moment) (changed, dated bool) {
	ft := statxTimes
	if binary.LittleEndian.Uint32(b[statxMask:])&unix.STATX_BTIME == 0 {
		ft.btime = 0
	}
	changed, dated = f.times(b, ft, now)
	major, minor := binary.LittleEndian.Uint32(b[statxDevMajor:]), binary.LittleEndian.Uint32(b[statxDevMinor:])
	if shown, ok := f.device(unix.Mkdev(major, minor)); ok {
		ino := binary.LittleEndian.Uint64(b[statxIno:])
		binary.LittleEndian.PutUint64(b[statxIno:], ino+f.skip)
		binary.LittleEndian.PutUint32(b[statxDevMajor:], unix.Major(shown))
		binary.LittleEndian.PutUint32(b[statxDevMinor:], unix.Minor(shown))
		changed = true
	}
	return changed, dated
}

// newFiles is how the supervised world shows inodes.
func (s *supervisor) newFiles() *files {
	f := &files{start: s.start, inputs: s.o.World.InputTimes, skip: s.o.World.Inodes.Skip, inside: s.o.Inside}
	if s.controls.clock {
		f.clock = &s.clock
	}
	if f.inside == nil {
		f.inside = func(uint64) bool { return false }
	}
	return f
}

// stat, and the calls below, go on a detour, or run as they are and their result
// is changed.
func (s *supervisor) stat(t *thread) {
	if to := s.detour(t); to != 0 && t.send(to) {
		s.shorten(t, to)
		return
	}
	t.pending = s.statted
}

// detour is where the code lies that makes a thread's call, or 0.
func (s *supervisor) detour(t *thread) uint64 {
	if s.patch == nil || t.proc.vdso == 0 || s.asking(askTime) {
		return 0
	}
	if entry := s.patch.detour.entry[t.call.data]; entry != 0 {
		return t.proc.vdso + entry
	}
	return 0
}

// detoured tells whether a call comes from the detour, which cannot tell by itself
// what a file's times are; it is answered then. The result is in the last
// argument.
func (s *supervisor) detoured(t *thread) bool {
	if s.patch == nil || t.proc.vdso == 0 || s.patch.detour.stat == 0 {
		return false
	}
	switch t.call.ip - t.proc.vdso {
	case s.patch.detour.stat:
		s.rewriteStat(t, t.call.args[5], statSize, statMode, s.files.stat)
	case s.patch.detour.statx:
		s.rewriteStat(t, t.call.args[5], statxSize, statxMode, s.files.statx)
	default:
		return false
	}
	t.skip(0)
	return true
}

func (s *supervisor) statted(t *thread, result int64) {
	if result != 0 {
		return
	}
	switch kind(t.call.data) {
	case callStatx:
		s.rewriteStat(t, t.call.args[4], statxSize, statxMode, s.files.statx)
	case callNewfstatat:
		s.rewriteStat(t, t.call.args[2], statSize, statMode, s.files.stat)
	default:
		s.rewriteStat(t, t.call.args[1], statSize, statMode, s.files.stat)
	}
}

func (s *supervisor) rewriteStat(t *thread, addr uint64, size, mode int, rewrite func([]byte, moment) (bool, bool)) {
	var buf [statxSize]byte
	b := buf[:size]
	if !t.read(addr, b) {
		return // another thread has taken the memory away
	}
	changed, dated := rewrite(b, momentOf(time.Now()))
	if dated && isStored(b[mode:]) {
		s.ask(askTime)
	}
	if changed {
		t.write(addr, b)
	}
}

// isStored tells a file that can be copied into an image from a pipe or a
// terminal, whose times a C library gets to see at each start.
func isStored(mode []byte) bool {
	switch binary.LittleEndian.Uint16(mode) & unix.S_IFMT {
	case unix.S_IFREG, unix.S_IFDIR, unix.S_IFLNK:
		return true
	}
	return false
}
