//go:build linux

package supervise

import (
	"bytes"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// agreed is a deadline of a frozen clock that a thread has begun to wait for: a
// wait that a signal interrupts goes on until the same time, however often it is
// begun anew.
type agreed struct{ shown, real moment }

// futex, and the other calls below, get a deadline of the machine's in the place
// of the world's.
func (s *supervisor) futex(t *thread)      { s.deadline(t, 3, 0) }
func (s *supervisor) futexWait(t *thread)  { s.deadline(t, 4, 0) }
func (s *supervisor) futexWaitv(t *thread) { s.deadline(t, 3, 0) }
func (s *supervisor) mqTimed(t *thread)    { s.deadline(t, 4, 0) }

func (s *supervisor) clockNanosleep(t *thread) { s.deadline(t, 2, 0) }

// it_value of struct itimerspec lies behind it_interval, which is no date.
const itimerValue = 16

func (s *supervisor) timerSettime(t *thread) {
	if t.proc.timers[uint32(t.call.args[0])] {
		s.deadline(t, 2, itimerValue)
	}
}

// timerCreate remembers which of a process's timers go by the date.
func (s *supervisor) timerCreate(t *thread) {
	t.pending = func(t *thread, result int64) {
		var id [4]byte
		if result != 0 || !t.read(t.call.args[2], id[:]) {
			return
		}
		if t.proc.timers == nil {
			t.proc.timers = map[uint32]bool{}
		}
		t.proc.timers[uint32(id[0])|uint32(id[1])<<8|uint32(id[2])<<16|uint32(id[3])<<24] = true
	}
}

func (s *supervisor) timerfdSettime(t *thread) {
	clock, ok := t.descriptorField(uint32(t.call.args[0]), "clockid:")
	if ok && isDate(clock) {
		s.deadline(t, 2, itimerValue)
	}
}

// descriptorField is a number of /proc/PID/fdinfo/FD.
func (t *thread) descriptorField(fd uint32, field string) (uint64, bool) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(t.tid) + "/fdinfo/" + strconv.FormatUint(uint64(fd), 10))
	if err != nil {
		return 0, false
	}
	for line := range bytes.Lines(b) {
		if v, ok := bytes.CutPrefix(line, []byte(field)); ok {
			n, err := strconv.ParseUint(string(bytes.TrimSpace(v)), 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}

// deadline hands a call a deadline of the machine's clock. The argument points at
// a structure that has the deadline at its end, from offset on.
//
// The changed structure goes below the stack's red zone, where nothing is in use.
// Once the call is over the argument is as before, or a call that the kernel
// restarts after a signal would be changed twice.
func (s *supervisor) deadline(t *thread, arg, offset int) {
	s.ask(askTime)
	pointer := t.call.args[arg]
	b := make([]byte, offset+16)
	if pointer == 0 || !t.read(pointer, b) {
		return // the kernel says what it thinks of it
	}
	shown := momentFrom(b[offset:])
	if !shown.valid() || shown == (moment{}) { // a timer of 0 is turned off
		return
	}
	now := momentOf(time.Now())
	if s.clock.frozen && t.agreed.shown == shown && now.before(t.agreed.real) {
		now = moment{}
	}
	real := t.agreed.real
	if now != (moment{}) {
		real = s.clock.deadline(shown, now)
	}
	copy(b[offset:], timespecOf(real))
	place := (t.call.sp - redZone - uint64(len(b))) &^ 15
	if !t.write(place, b) {
		return
	}
	t.setArg(arg, place)
	t.pending = func(t *thread, result int64) {
		t.setArg(arg, pointer)
		t.agreed = agreed{}
		if interrupted(result) {
			t.agreed = agreed{shown, real}
		}
	}
}

// interrupted tells a result of EINTR, or one that has the kernel make the call
// again (ERESTARTSYS and its kin, linux/errno.h, which only tracers see).
func interrupted(result int64) bool {
	return result == -int64(unix.EINTR) || result <= -512 && result >= -516
}
