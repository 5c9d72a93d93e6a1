package inside

import (
	"crypto/sha256"
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

// credit gives the kernel's random numbers a seed that counts as random, with
// RNDADDENTROPY of random(4): bits, bytes, and the bytes themselves. It is made
// 256 bits, however long it is: so many the kernel wants before it gives any
// out (POOL_READY_BITS of its drivers/char/random.c).
func credit(seed []byte) error {
	if len(seed) == 0 {
		return nil
	}
	pool := sha256.Sum256(seed)
	b := binary.NativeEndian.AppendUint32(nil, uint32(len(pool)*8))
	b = binary.NativeEndian.AppendUint32(b, uint32(len(pool)))
	b = append(b, pool[:]...)
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
