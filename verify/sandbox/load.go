package sandbox

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/verify/world"
)

// maxLoad bounds the processes of World.Load.
const maxLoad = 256

// startLoad starts processes that compete with the build for its processors,
// on a thread of their own: that of the build has no other children. They end
// with this program, at the latest.
func startLoad(n int) (stop func(), err error) {
	if n == 0 {
		return func() {}, nil
	}
	started, ended, over := make(chan error), make(chan struct{}), make(chan struct{})
	go onThread(func() {
		defer close(over)
		pids, err := loads(n)
		if started <- err; err == nil {
			<-ended
		}
		for _, pid := range pids {
			unix.Kill(pid, unix.SIGKILL)
			for {
				if _, err := unix.Wait4(pid, nil, unix.WALL, nil); err != unix.EINTR {
					break
				}
			}
		}
	})
	if err := <-started; err != nil {
		<-over
		return nil, err
	}
	return func() { close(ended); <-over }, nil
}

func loads(n int) (pids []int, err error) {
	attr := &syscall.ProcAttr{Dir: "/", Env: stageEnv(Isolated), Sys: &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL, Setsid: true}}
	for range n {
		pid, err := syscall.ForkExec("/proc/self/exe", []string{loadName}, attr)
		if err != nil {
			return pids, fmt.Errorf("%s: %w", world.Load, err)
		}
		pids = append(pids, pid)
	}
	return pids, nil
}

// loadStage keeps a processor busy, and its caches.
func loadStage() {
	buf := make([]uint64, 1<<18)
	for i := uint64(1); ; i++ {
		j := i * 0x9e3779b97f4a7c15
		buf[j>>46] += i
	}
}
