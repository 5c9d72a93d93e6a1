//go:build linux

package supervise

import (
	"time"

	"github.com/reprodisk/reprodisk/verify/world"
)

const second = int64(time.Second)

// tick is more than the coarse clock, which files' times are taken from, may be
// behind: 10 ms where CONFIG_HZ is 100.
const tick = 20 * time.Millisecond

// moment is a time since 1970, or a distance in time, as the kernel has it:
// seconds, and nanoseconds from 0 to 999,999,999.
type moment struct{ sec, nsec int64 }

func momentOf(t time.Time) moment { return moment{t.Unix(), int64(t.Nanosecond())} }

func (m moment) plus(d moment) moment {
	m.sec, m.nsec = m.sec+d.sec, m.nsec+d.nsec
	if m.nsec >= second {
		m.sec, m.nsec = m.sec+1, m.nsec-second
	}
	return m
}

func (m moment) minus(d moment) moment {
	m.sec, m.nsec = m.sec-d.sec, m.nsec-d.nsec
	if m.nsec < 0 {
		m.sec, m.nsec = m.sec-1, m.nsec+second
	}
	return m
}

func (m moment) before(o moment) bool { return m.sec < o.sec || m.sec == o.sec && m.nsec < o.nsec }

// valid is what the kernel takes for a deadline.
func (m moment) valid() bool { return m.sec >= 0 && m.nsec >= 0 && m.nsec < second }

// clock turns the machine's time into the world's and back.
type clock struct {
	frozen bool
	at     moment // of a frozen clock
	offset moment // of any other
}

// newClock starts the world's clock now.
func newClock(c world.Clock, now time.Time) clock {
	switch c.Mode {
	case world.ClockFrozen:
		return clock{frozen: true, at: momentOf(c.Start)}
	case world.ClockRunning:
		// The coarse clock and the times of files are those of the last tick: they
		// shall not be before the start.
		return clock{offset: momentOf(c.Start).minus(momentOf(now.Add(-tick)))}
	case world.ClockShifted:
		return clock{offset: moment{}.plus(momentOf(time.Unix(0, int64(c.Offset))))}
	}
	return clock{}
}

// shown is what the world's clock shows at a time of the machine's.
func (c clock) shown(m moment) moment {
	if c.frozen {
		return c.at
	}
	return m.plus(c.offset)
}

// deadline is the machine's time for a deadline of the world's. A frozen clock
// never gets there, so the deadline lies as far ahead of now as of the clock.
func (c clock) deadline(m, now moment) moment {
	if c.frozen {
		m = m.minus(c.at).plus(now)
	} else {
		m = m.minus(c.offset)
	}
	if m.sec < 0 {
		return moment{nsec: 1} // long past; the kernel takes no negative one, and zero turns a timer off
	}
	return m
}
