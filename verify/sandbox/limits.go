package sandbox

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// setLimits sets the limits of processes, getrlimit(2), that the build and all
// its children get.
func (o *execOrders) setLimits() error {
	set := func(what string, resource int, n uint64) error {
		most := n
		if resource == unix.RLIMIT_CPU {
			// At the first limit SIGXCPU says what is wrong, at the second all ends. A
			// virtual machine that had to wait may count seconds at once.
			most += 5
		}
		var now unix.Rlimit
		if err := unix.Getrlimit(resource, &now); err == nil {
			n, most = min(n, now.Max), min(most, now.Max)
		}
		if err := unix.Setrlimit(resource, &unix.Rlimit{Cur: n, Max: most}); err != nil {
			return fmt.Errorf("limit on %s: %w", what, err)
		}
		return nil
	}
	if !o.Keep {
		// A core file would go where the machine says: to one of its programs.
		if err := set("core files", unix.RLIMIT_CORE, 0); err != nil {
			return err
		}
	}
	l := o.Limits
	if l.CPU > 0 {
		if err := set("processor time", unix.RLIMIT_CPU, uint64((l.CPU+time.Second-1)/time.Second)); err != nil {
			return err
		}
	}
	if l.File > 0 {
		if err := set("a file's size", unix.RLIMIT_FSIZE, uint64(l.File)); err != nil {
			return err
		}
	}
	if l.Memory > 0 && o.AddressLimit {
		if err := set("memory", unix.RLIMIT_AS, uint64(l.Memory)); err != nil {
			return err
		}
	}
	if l.Processes > 0 && o.UserLimit {
		if err := set("processes", unix.RLIMIT_NPROC, uint64(l.Processes)); err != nil {
			return err
		}
	}
	return nil
}
