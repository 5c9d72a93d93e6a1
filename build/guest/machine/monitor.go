package machine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/digitalocean/go-qemu/qmp"
)

// finding is what QEMU says about the machine.
type finding struct {
	ending Ending
	text   string
	down   bool // the machine went down, and QEMU stays
}

// monitor is what we ask QEMU, and what it says by itself.
type monitor struct {
	wire  *os.File
	stay  bool // QEMU stays when the machine goes down
	found chan finding
	stop  chan struct{}
	wait  sync.WaitGroup

	connected chan struct{} // closed when mon and relay are set
	mon       *qmp.SocketMonitor
	relay     *relay
	ioErrors  int // how often QEMU said so without a reason

	mu       sync.Mutex
	version  string
	reset    bool   // the machine has restarted
	panicked bool   // the guest has said so
	blockErr string // the last error of the host's disk
}

// pollEvery is how often QEMU is asked how the machine is. Where KVM cannot run
// a guest, QEMU says so in no other way.
const pollEvery = 500 * time.Millisecond

// watchMonitor talks to QEMU until close.
func watchMonitor(wire *os.File, stay bool) *monitor {
	m := &monitor{
		wire: wire, stay: stay,
		found: make(chan finding, 4), stop: make(chan struct{}), connected: make(chan struct{}),
	}
	m.wait.Go(m.run)
	return m
}

func (m *monitor) run() {
	mon, relay, err := dial(m.wire, &m.wait, m.stop)
	if err != nil {
		return // QEMU has ended, which says more
	}
	defer mon.Disconnect()
	defer relay.conn.Close()
	events, _ := mon.Events(context.Background()) // which is not used; there is no error
	relay.took()
	m.mon, m.relay = mon, relay
	m.mu.Lock()
	m.version = mon.Version.String()
	m.mu.Unlock()
	close(m.connected)
	m.wait.Go(func() {
		for e := range events { // to their end, or go-qemu would stand still
			m.hear(e)
		}
	})
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		m.poll()
		select {
		case <-tick.C:
		case <-relay.gone:
			return
		case <-m.stop:
			return
		}
	}
}

// call has QEMU execute a command, for as long as it takes or until its wire is
// closed.
func (m *monitor) call(command string, args, result any) error {
	b, err := json.Marshal(qmp.Command{Execute: command, Args: args})
	if err != nil {
		return err
	}
	reply, err := m.mon.Run(b)
	if err == nil && result != nil {
		err = json.Unmarshal(reply, &struct {
			Return any `json:"return"`
		}{result})
	}
	m.relay.took()
	return err
}

// try is call for at most a while.
func (m *monitor) try(within time.Duration, command string, args any) error {
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-m.connected:
	default:
		return errors.New("QEMU has not answered yet")
	}
	done := make(chan error, 1)
	m.wait.Go(func() { done <- m.call(command, args, nil) })
	select {
	case err := <-done:
		return err
	case <-timer.C:
		return fmt.Errorf("QEMU has not answered within %v", within)
	}
}

// poll asks how the machine is.
func (m *monitor) poll() {
	var is struct{ Status string }
	if m.call("query-status", nil, &is) != nil {
		return
	}
	switch is.Status {
	case "internal-error":
		m.tell(finding{ending: Stopped, text: "the host's KVM cannot run the guest: QEMU says internal-error"})
	case "io-error":
		m.mu.Lock()
		text := m.blockErr
		m.mu.Unlock()
		if text == "" { // the event that says why is on its way
			if m.ioErrors++; m.ioErrors < 3 {
				return
			}
			text = blockError(nil)
		}
		m.tell(finding{ending: Stopped, text: text})
	case "paused", "suspended", "watchdog", "guest-panicked":
		if !m.stay || is.Status == "suspended" {
			m.tell(finding{ending: Stopped, text: "the machine stands still: QEMU says " + is.Status})
		}
	}
}

// hear takes an event of QEMU's.
func (m *monitor) hear(e qmp.Event) {
	m.mu.Lock()
	down := false
	switch e.Event {
	case "GUEST_PANICKED":
		m.panicked = true
	case "RESET":
		m.reset = true
	case "SHUTDOWN":
		m.reset = m.reset || e.Data["reason"] == "guest-reset"
		down = m.stay
	case "BLOCK_IO_ERROR":
		m.blockErr = blockError(e.Data)
	}
	m.mu.Unlock()
	if down {
		m.tell(finding{down: true})
	}
}

// blockError words a BLOCK_IO_ERROR.
func blockError(data map[string]any) string {
	operation, _ := data["operation"].(string)
	reason, _ := data["reason"].(string)
	switch {
	case data["nospace"] == true:
		return "the host has no room left for what the guest writes to its disk"
	case operation == "" || reason == "":
		return "the disk's image cannot be read or written on the host"
	}
	return fmt.Sprintf("the host cannot %s the disk's image: %s", clean(operation), clean(reason))
}

// tell never waits: what is found first counts.
func (m *monitor) tell(f finding) {
	select {
	case m.found <- f:
	default:
	}
}

// close ends the monitor and waits until nothing of it is left. The wire is
// closed with it.
func (m *monitor) close() {
	close(m.stop)
	m.wire.Close()
	m.wait.Wait()
}
