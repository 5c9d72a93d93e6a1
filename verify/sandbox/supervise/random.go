//go:build linux

package supervise

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// maxRandom is how much the kernel's older versions give at once, random(4).
const maxRandom = 1<<25 - 1

func (s *supervisor) getrandom(t *thread) {
	s.ask(askRandom)
	flags := t.call.args[2]
	const both = unix.GRND_RANDOM | unix.GRND_INSECURE
	if !s.controls.random || flags&^(both|unix.GRND_NONBLOCK) != 0 || flags&both == both {
		return // the kernel refuses such flags
	}
	n := s.fill(t, t.call.args[0], min(t.call.args[1], maxRandom))
	if n == 0 && t.call.args[1] != 0 {
		t.skip(-int64(unix.EFAULT))
		return
	}
	t.skip(int64(n))
}

// fill writes n bytes of the program's stream into its memory, and tells how
// many there was room for.
func (s *supervisor) fill(t *thread, addr, n uint64) uint64 {
	const piece = 64 << 10
	b := make([]byte, min(n, piece))
	done := uint64(0)
	for done < n {
		b = b[:min(n-done, piece)]
		t.proc.prog.bytes.Read(b)
		if !t.write(addr+done, b) {
			break
		}
		done += uint64(len(b))
	}
	return done
}

// uuid is what /proc/sys/kernel/random/uuid says, without the newline.
func uuid(b [16]byte) string {
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80 // RFC 9562: version 4, its variant
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
