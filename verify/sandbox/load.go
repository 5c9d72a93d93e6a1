package sandbox

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/verify/world"
)

// maxLoad bounds the processes of World.Load.
const maxLoad = 256

// startLoad starts processes that compete with the build for its processors.
// They end with the thread that calls this, at the latest.
func (s *session) startLoad() (stop func(), err error) {
	var pids []int
	stop = func() {
		for _, pid := range pids {
			unix.Kill(pid, unix.SIGKILL)
			for {
				if _, err := unix.Wait4(pid, nil, unix.WALL, nil); err != unix.EINTR {
					break
				}
			}
		}
	}
	attr := &syscall.ProcAttr{Dir: "/", Env: stageEnv(Isolated), Sys: &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL, Setsid: true}}
	for range s.req.World.Load {
		pid, err := syscall.ForkExec("/proc/self/exe", []string{loadName}, attr)
		if err != nil {
			stop()
			return nil, fmt.Errorf("%s: %w", world.Load, err)
		}
		pids = append(pids, pid)
	}
	return stop, nil
}

// loadStage keeps a processor busy, and its caches.
func loadStage() {
	buf := make([]uint64, 1<<18)
	for i := uint64(1); ; i++ {
		j := i * 0x9e3779b97f4a7c15
		buf[j>>46] += i
	}
}
