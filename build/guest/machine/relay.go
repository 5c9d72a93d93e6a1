package machine

import (
	"bufio"
	"crypto/rand"
	"encoding/json"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/digitalocean/go-qemu/qmp"
	"golang.org/x/sys/unix"
)

// relay stands between QEMU's wire and go-qemu, which can only dial a name, and
// hands QEMU's lines on one by one. It waits after a reply until that was taken,
// because go-qemu reads the next line into the memory of the one before it, and
// forgets what comes together with the reply to its greeting.
type relay struct {
	qemu  *os.File
	lines *bufio.Reader
	conn  net.Conn // go-qemu's other end
	taken chan struct{}
	gone  chan struct{} // closed when no line comes any more
}

// maxLine bounds a line of QEMU's: go-qemu takes 64 KiB.
const maxLine = 60 << 10

// dial waits until QEMU greets, and returns go-qemu's monitor, connected with it,
// and the relay, which hands on nothing until took is called.
// It fails when QEMU ends, and when its wire is closed, which stop comes before.
func dial(qemu *os.File, wait *sync.WaitGroup, stop <-chan struct{}) (*qmp.SocketMonitor, *relay, error) {
	r := &relay{
		qemu: qemu, lines: bufio.NewReaderSize(qemu, maxLine),
		taken: make(chan struct{}), gone: make(chan struct{}),
	}
	greeting, err := r.lines.ReadSlice('\n')
	if err != nil {
		return nil, nil, err
	}
	mon, conn, err := loopback()
	if err != nil {
		return nil, nil, err
	}
	r.conn = conn
	if _, err := conn.Write(greeting); err != nil {
		return nil, nil, err
	}
	wait.Go(r.up)
	wait.Go(func() { r.down(stop) })
	if err := mon.Connect(); err != nil {
		conn.Close()
		return nil, nil, err // its own end is closed with it by the collector: Disconnect would wait for ever
	}
	return mon, r, nil
}

// took lets the next line come.
func (r *relay) took() {
	select {
	case r.taken <- struct{}{}:
	case <-r.gone:
	}
}

// up hands on go-qemu's commands.
func (r *relay) up() {
	b := make([]byte, 4<<10)
	for {
		n, err := r.conn.Read(b)
		if _, werr := r.qemu.Write(b[:n]); err != nil || werr != nil {
			return
		}
	}
}

// down hands on QEMU's lines.
func (r *relay) down(stop <-chan struct{}) {
	defer io.Copy(io.Discard, r.qemu) // so that QEMU does not wait for us
	defer close(r.gone)
	defer r.conn.Close()
	for {
		line, err := r.lines.ReadSlice('\n') // too long a line ends the monitor, not the machine
		if err != nil {
			return
		}
		if _, err := r.conn.Write(line); err != nil {
			return
		}
		var m struct{ Event string }
		if json.Unmarshal(line, &m) != nil || m.Event != "" {
			continue
		}
		select {
		case <-r.taken:
		case <-stop:
			return
		}
	}
}

// loopback connects go-qemu with us. The name it needs is not one of a file:
// it is abstract, unix(7), and gone when this returns. Nobody else gets
// through: the peer must be this process.
func loopback() (*qmp.SocketMonitor, net.Conn, error) {
	name := "@reprodisk-" + rand.Text()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: name, Net: "unix"})
	if err != nil {
		return nil, nil, err
	}
	defer l.Close()
	mon, err := qmp.NewSocketMonitor("unix", name, 5*time.Second)
	if err != nil {
		return nil, nil, err
	}
	_ = l.SetDeadline(time.Now().Add(5 * time.Second))
	for {
		conn, err := l.AcceptUnix()
		if err != nil {
			return nil, nil, err
		}
		if peer(conn) == os.Getpid() {
			return mon, conn, nil
		}
		conn.Close()
	}
}

// peer is the process at the other end, 0 where that cannot be told.
func peer(conn *net.UnixConn) (pid int) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0
	}
	_ = raw.Control(func(fd uintptr) {
		if c, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			pid = int(c.Pid)
		}
	})
	return pid
}
