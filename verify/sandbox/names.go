package sandbox

import (
	"encoding/binary"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// settle sets what the namespaces hold beside mounts.
func (o *orders) settle() error {
	if n := o.World.Host.Name; n != "" {
		if err := unix.Sethostname([]byte(n)); err != nil {
			return fmt.Errorf("sandbox isolated: host name %q: %w", n, err)
		}
	}
	if d := o.World.Host.Domain; d != "" {
		if err := unix.Setdomainname([]byte(d)); err != nil {
			return fmt.Errorf("sandbox isolated: domain name %q: %w", d, err)
		}
	}
	if o.Network {
		return nil
	}
	return loopbackUp()
}

// loopbackUp brings up lo, which is down in a new network namespace, and which
// programs that talk to themselves expect, netdevice(7).
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err == unix.EAFNOSUPPORT {
		return nil // a machine without IPv4
	}
	if err != nil {
		return fmt.Errorf("sandbox isolated: no loopback interface: %w", err)
	}
	defer unix.Close(fd)
	var ifr [40]byte // struct ifreq
	copy(ifr[:], "lo")
	binary.NativeEndian.PutUint16(ifr[unix.IFNAMSIZ:], unix.IFF_UP|unix.IFF_RUNNING)
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCSIFFLAGS, uintptr(unsafe.Pointer(&ifr))); e != 0 {
		return fmt.Errorf("sandbox isolated: no loopback interface: %w", e)
	}
	return nil
}
