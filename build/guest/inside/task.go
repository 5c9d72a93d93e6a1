package inside

import (
	"encoding/json"
	"errors"

	"github.com/reprodisk/reprodisk/build/guest/job"
)

// Task is what a program does as a guest's init, in place of mounting a disk's
// filesystems and doing steps in them. It gets what the job says, and may move
// the first mounts (/dev, /proc, /sys, /run, /tmp) and change its root.
type Task func(h *Host, what json.RawMessage) error

// Host is the other side, as a task knows it.
type Host struct{ g *guest }

// Send sends bytes of a stream, which come in their order. It waits for a host
// that does not listen.
func (h *Host) Send(stream int, b []byte) {
	for len(b) > 0 {
		n := min(len(b), job.MaxBytes)
		h.g.events.send(job.Event{Kind: job.Data, Stream: stream, Bytes: b[:n]})
		b = b[n:]
	}
}

// Disk waits for the job's disk and is the path of its device.
func (h *Host) Disk() (string, error) {
	d, err := await("/sys", "/dev", h.g.job.Disk, nil, diskLimit)
	if err != nil {
		return "", err
	}
	return d.device(0), nil
}

// Complaint is what the guest's kernel has complained about last since the task
// began, in parentheses for the end of a message; empty where it has not.
func (h *Host) Complaint() string { return h.g.log.complaint() }

// OutOfMemory tells whether the guest's kernel has ended a program for want of
// memory since the task began.
func (h *Host) OutOfMemory() bool { return h.g.log.outOfMemory() }

func (g *guest) doTask() error {
	if len(g.task) == 0 {
		return errors.New("this program does no tasks")
	}
	if err := credit(g.job.Seed); err != nil {
		return err
	}
	if err := completeDev("/dev"); err != nil {
		return err
	}
	return g.task[0](&Host{g}, g.job.Task)
}
