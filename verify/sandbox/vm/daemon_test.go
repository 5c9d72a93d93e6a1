package vm

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/internal/judge"
)

// TestDaemonWritesNothing: root's daemon runs where not even root can write, and
// finds all of the host at the place that it serves.
func TestDaemonWritesNothing(t *testing.T) {
	judge.Root(t)
	dir := t.TempDir()
	script := `cd "$1" && (echo x >x) 2>/dev/null && echo wrote here; (echo x >/proc/sys/kernel/hostname) 2>/dev/null && echo wrote
test -e "` + servedRoot + `$1/there" || echo nothing served
echo "served $$" >&2; exit 7`
	if err := os.WriteFile(filepath.Join(dir, "there"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	// The socket is the first argument.
	p := stub(t, strings.ReplaceAll(script, "$1", dir))
	d, conn, err := startDaemon(p, nil)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	want := fmt.Sprintf("the virtual machine lost this host's files: %s ended (exit status 7: served ", p)
	if why := d.failure(); !strings.HasPrefix(why, want) || strings.Contains(d.said.String(), "wrote") || strings.Contains(d.said.String(), "nothing") {
		t.Errorf("%q\n%s", why, &d.said)
	}
	if names, _ := filepath.Glob(dir + "/*"); len(names) != 1 {
		t.Errorf("written: %v", names)
	}
}

// TestDaemonGetsItsSocket, on which there is a connection already, and is ended
// with all that it has started where it does not end by itself.
func TestDaemonGetsItsSocket(t *testing.T) {
	judge.Root(t)
	report := filepath.Join(t.TempDir(), "report")
	if err := unix.Mkfifo(report, 0o600); err != nil {
		t.Fatal(err)
	}
	script := stub(t, fmt.Sprintf(`sleep 1000 & echo "$1 $(readlink /proc/$$/fd/3 | cut -d: -f1) $!" >%s; wait`, report))
	d, conn, err := startDaemon(script, []string{"--more"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	f, err := os.OpenFile(report, os.O_RDWR, 0) // which does not wait for a writer
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	f.SetReadDeadline(time.Now().Add(time.Minute))
	line, err := bufio.NewReader(f).ReadString('\n')
	fields := strings.Fields(line)
	if err != nil || len(fields) != 3 || fields[0] != "--fd=3" || fields[1] != "socket" {
		t.Fatalf("%q, %v", line, err)
	}
	child, _ := strconv.Atoi(fields[2])
	pidfd, err := unix.PidfdOpen(child, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pidfd)
	d.end()
	if why := d.failure(); why != "" {
		t.Errorf("its end is told as %q", why)
	}
	// Signals take their time.
	p := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(p, 60_000)
		if err == unix.EINTR {
			continue
		}
		if n != 1 || err != nil {
			t.Errorf("what it started still runs: %v", err)
		}
		break
	}
}

// TestConnectedHasNoName by the time it is used.
func TestConnectedHasNoName(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("long/", 30)) // longer than a socket's name may be
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", dir)
	conn, listener, err := connected()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	defer listener.Close()
	if names, _ := filepath.Glob(dir + "/*"); len(names) != 0 {
		t.Errorf("left: %v", names)
	}
	fd, _, err := unix.Accept4(int(listener.Fd()), unix.SOCK_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	served := os.NewFile(uintptr(fd), "served")
	defer served.Close()
	if _, err := conn.WriteString("hello"); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 5)
	if n, err := served.Read(b); string(b[:n]) != "hello" {
		t.Errorf("%q, %v", b[:n], err)
	}
}
