package inside

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/build/guest/job"
)

// port is events with a pipe as the port, and the pipe's other end.
func port(t testing.TB) (*events, *os.File) {
	t.Helper()
	var p [2]int
	must(t, unix.Pipe2(p[:], unix.O_CLOEXEC))
	must(t, unix.SetNonblock(p[1], true))
	s := &events{port: p[1], patience: time.Minute}
	r := os.NewFile(uintptr(p[0]), "port")
	t.Cleanup(func() { r.Close() })
	return s, r
}

// heard reads events to the port's end.
func heard(t testing.TB, r io.Reader) (all []job.Event) {
	t.Helper()
	lines := bufio.NewReaderSize(r, job.MaxEvent)
	for {
		line, err := lines.ReadSlice('\n')
		if err == io.EOF && len(line) == 0 {
			return all
		}
		must(t, err)
		var e job.Event
		must(t, json.Unmarshal(line, &e))
		all = append(all, e)
	}
}

// TestEventsStayInOrder has two senders fill a port faster than it is read.
func TestEventsStayInOrder(t *testing.T) {
	s, r := port(t)
	done := make(chan []job.Event)
	go func() { done <- heard(t, r) }()
	var senders sync.WaitGroup
	for _, step := range []string{"a", "b"} {
		senders.Go(func() {
			for i := range 2000 {
				s.send(job.Event{Kind: job.Output, Step: step, Text: fmt.Sprint(i)})
			}
		})
	}
	senders.Wait()
	s.send(job.Event{Kind: job.Done})
	s.drain()
	must(t, unix.Close(s.port))
	all := <-done
	if len(all) != 4001 || all[4000].Kind != job.Done {
		t.Fatalf("%d events", len(all))
	}
	next, now := map[string]int{}, 0.0
	for _, e := range all[:4000] {
		if e.Text != fmt.Sprint(next[e.Step]) || e.Uptime < now {
			t.Fatalf("%+v comes after %d and %v", e, next[e.Step], now)
		}
		next[e.Step]++
		now = e.Uptime
	}
}

// TestHostThatDoesNotListen: the guest goes on without it, remembers what fits,
// and why it failed in any case.
func TestHostThatDoesNotListen(t *testing.T) {
	s, r := port(t)
	s.patience = time.Millisecond
	const sent = 50_000
	for i := range sent {
		s.send(job.Event{Kind: job.Output, Text: fmt.Sprint(i)})
		s.send(job.Event{Kind: job.Alive})
	}
	s.send(job.Event{Kind: job.Failed, Text: "why"})
	if s.size > backlog+2*job.MaxEvent {
		t.Errorf("it keeps %d bytes", s.size)
	}
	done := make(chan []job.Event)
	go func() { done <- heard(t, r) }()
	s.drain()
	must(t, unix.Close(s.port))
	all := <-done
	if last := all[len(all)-1]; last.Kind != job.Failed || last.Text != "why" {
		t.Errorf("at the end it says %+v", last)
	}
	next := 0
	for _, e := range all[:len(all)-1] {
		if e.Kind == job.Output {
			if e.Text != fmt.Sprint(next) {
				t.Fatalf("%+v comes after %d", e, next)
			}
			next++
		}
	}
	if next < 1000 || next == sent {
		t.Errorf("%d of %d lines came", next, sent)
	}
}

// TestHostThatIsGone: the guest does its job to the end.
func TestHostThatIsGone(t *testing.T) {
	s, r := port(t)
	console := &strings.Builder{}
	s.console = console
	must(t, r.Close())
	for range 3 {
		s.send(job.Event{Kind: job.Output, Step: "step", Text: "to a\x1b[1m person"})
	}
	s.drain()
	if got := console.String(); s.port != -1 || strings.Count(got, "reprodisk: output step: to a person\n") != 3 || !strings.Contains(got, "broken pipe") {
		t.Errorf("%q", got)
	}
}

func TestEventsHaveRoom(t *testing.T) {
	for _, text := range []string{"", "short", strings.Repeat(`"`, 1<<20), strings.Repeat("\x01", 1<<17), strings.Repeat("é", 1<<16)} {
		b := encode(job.Event{Kind: job.Output, Step: text, Text: text})
		var e job.Event
		if err := json.Unmarshal(b, &e); err != nil || len(b) > job.MaxEvent || b[len(b)-1] != '\n' || len(text) > 10 && len(b) < job.MaxEvent/8 {
			t.Errorf("%.10q: %d bytes, %v", text, len(b), err)
		}
	}
}

func TestPortIsFoundByItsName(t *testing.T) {
	sys := t.TempDir()
	for name, content := range map[string]string{"vport0p1": "com.other\n", "vport1p2": job.Port + "\n", "vport2p1": ""} {
		dir := filepath.Join(sys, "class/virtio-ports", name)
		must(t, os.MkdirAll(dir, 0o755))
		if content != "" {
			must(t, os.WriteFile(filepath.Join(dir, "name"), []byte(content), 0o644))
		}
	}
	if got := findPort(sys); got != "vport1p2" {
		t.Errorf("%q", got)
	}
	if got := findPort(t.TempDir()); got != "" {
		t.Errorf("%q", got)
	}
}

// TestTerminalPassesBytes opens a terminal as the port, as a serial line is one.
func TestTerminalPassesBytes(t *testing.T) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	must(t, err)
	defer master.Close()
	must(t, unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	must(t, err)
	s := &events{port: -1, patience: time.Minute}
	must(t, s.open("/nowhere", "/dev", fmt.Sprint("pts/", n)))
	s.send(job.Event{Kind: job.Output, Text: "one"})
	s.send(job.Event{Kind: job.Done})
	lines := bufio.NewReader(master)
	for _, want := range []job.Event{{Kind: job.Output, Text: "one"}, {Kind: job.Done}} {
		line, err := lines.ReadBytes('\n')
		must(t, err)
		var e job.Event
		must(t, json.Unmarshal(line, &e))
		if e.Kind != want.Kind || e.Text != want.Text || strings.Contains(string(line), "\r") {
			t.Errorf("%q", line)
		}
	}
	s.drain()
	must(t, unix.Close(s.port))
	if err := s.open("/nowhere", "/dev", "null"); err == nil || !strings.Contains(err.Error(), "/dev/null is no terminal") {
		t.Error(err)
	}
}

func TestWorkGrowsWithWorkOnly(t *testing.T) {
	proc, sys := t.TempDir(), t.TempDir()
	set := func(stat, self, disk string) {
		for name, content := range map[string]string{
			filepath.Join(proc, "stat"): stat, filepath.Join(proc, "self/stat"): self, filepath.Join(sys, "class/block/vda/stat"): disk,
		} {
			must(t, os.MkdirAll(filepath.Dir(name), 0o755))
			must(t, os.WriteFile(name, []byte(content), 0o644))
		}
	}
	var w work
	for i, c := range []struct {
		stat, self, disk string
		want             uint64
	}{
		{"cpu  10 5 20 9999 7 3 4 0 0 0\ncpu0 1 1 1", "1 (a) b) S 0 0 0 0 -1 0 0 0 0 0 6 4 0 0 20 0", "1 0 100 5 1 0 200 5 0 0", 325},
		{"cpu  10 5 30 19999 9 8 9 0 0 0\n", "1 (a) b) S 0 0 0 0 -1 0 0 0 0 0 12 8 0 0 20 0", "9 0 100 9 9 0 200 9 0 0", 325}, // idle but for ourselves
		{"cpu  10 5 31 0 0 0\n", "1 (a) S 0 0 0 0 -1 0 0 0 0 0 12 8 0 0", "1 0 100 5 1 0 200 5 0 0", 326},
		{"cpu  10 5 31 0 0 0\n", "1 (a) S 0 0 0 0 -1 0 0 0 0 0 12 8 0 0", "1 0 108 5 1 0 200 5 0 0", 334},
		{"cpu  0 0 0 0\n", "1 (a) S", "", 334}, // never less
		{"", "", "", 334},
	} {
		set(c.stat, c.self, c.disk)
		if got := w.look(proc, sys, "vda"); got != c.want {
			t.Errorf("%d: %d, want %d", i, got, c.want)
		}
	}
}
