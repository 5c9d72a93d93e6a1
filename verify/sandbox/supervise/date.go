//go:build linux

package supervise

import (
	"encoding/binary"
	"time"

	"golang.org/x/sys/unix"
)

// startClock starts the world's clock, when the build begins.
func (s *supervisor) startClock() { s.clock = newClock(s.o.World.Clock, time.Now()) }

// timespecOf is a struct timespec.
func timespecOf(m moment) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(m.sec))
	return binary.LittleEndian.AppendUint64(b, uint64(m.nsec))
}

func momentFrom(b []byte) moment {
	return moment{int64(binary.LittleEndian.Uint64(b)), int64(binary.LittleEndian.Uint64(b[8:]))}
}

func (s *supervisor) now() moment { return s.clock.shown(momentOf(time.Now())) }

func (s *supervisor) clockGettime(t *thread) {
	if s.detoured(t) {
		return
	}
	if t.proc.clockCall != 0 && t.call.ip == t.proc.clockCall {
		// The patched vDSO, that has yet to be told the mark. It adds the offset
		// itself.
		s.ask(askTime)
		poke(t.tid, t.proc.clockCall-s.patch.clockCall+s.patch.mark, magic)
		return
	}
	s.ask(askTime)
	s.reply(t, t.call.args[1], timespecOf(s.now()))
}

func (s *supervisor) gettimeofday(t *thread) {
	s.ask(askTime)
	if zone := t.call.args[1]; zone != 0 && !t.write(zone, make([]byte, 8)) {
		t.skip(-int64(unix.EFAULT))
		return
	}
	if t.call.args[0] == 0 {
		t.skip(0)
		return
	}
	now := s.now()
	now.nsec /= 1000
	s.reply(t, t.call.args[0], timespecOf(now))
}

func (s *supervisor) time(t *thread) {
	s.ask(askTime)
	now := s.now()
	if p := t.call.args[0]; p != 0 && !t.write(p, timespecOf(now)[:8]) {
		t.skip(-int64(unix.EFAULT))
		return
	}
	t.skip(now.sec)
}

// reply answers a call with what is written to an address, and 0.
func (s *supervisor) reply(t *thread, addr uint64, b []byte) {
	if !t.write(addr, b) {
		t.skip(-int64(unix.EFAULT))
		return
	}
	t.skip(0)
}
