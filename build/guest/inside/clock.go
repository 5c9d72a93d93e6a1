package inside

import (
	"encoding/binary"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// setClock sets the clock, to seconds since 1970. Linux knows no time of day
// that is earlier than its own start would have been in 1970: such a one becomes
// the earliest that it takes.
func setClock(epoch int64) error {
	var up unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &up); err != nil {
		return fmt.Errorf("cannot set the clock: %w", err)
	}
	t := unix.NsecToTimespec(0)
	t.Sec = max(epoch, up.Sec+1)
	if err := unix.ClockSettime(unix.CLOCK_REALTIME, &t); err != nil {
		return fmt.Errorf("cannot set the clock to %d: %w", epoch, err)
	}
	return nil
}

// maxSeed bounds a seed, in bytes: the kernel's pool takes no more.
const maxSeed = 1 << 10

// credit gives the kernel's random numbers a seed that counts as random, with
// RNDADDENTROPY of random(4): bits, bytes, and the bytes themselves.
func credit(seed []byte) error {
	seed = seed[:min(len(seed), maxSeed)]
	if len(seed) == 0 {
		return nil
	}
	b := binary.NativeEndian.AppendUint32(nil, uint32(len(seed)*8))
	b = binary.NativeEndian.AppendUint32(b, uint32(len(seed)))
	b = append(b, seed...)
	fd, err := unix.Open("/dev/random", unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err == nil {
		defer unix.Close(fd)
		if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.RNDADDENTROPY, uintptr(unsafe.Pointer(&b[0]))); e != 0 {
			err = e
		}
	}
	if err != nil {
		return fmt.Errorf("cannot seed the random numbers: %w", err)
	}
	return nil
}
