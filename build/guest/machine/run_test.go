package machine

import (
	"bytes"
	"context"
	"errors"
	"image/png"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/build/guest/job"
	"github.com/reprodisk/reprodisk/internal/judge"
)

// boots skips a test that starts machines.
func boots(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("machines start")
	}
}

// newDisk is a disk without a name.
func newDisk(t testing.TB, dir string, size int64) *os.File {
	t.Helper()
	f, err := os.OpenFile(dir, unix.O_TMPFILE|os.O_RDWR, 0o600)
	if err == nil {
		t.Cleanup(func() { f.Close() })
		err = f.Truncate(size)
	}
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// flood is how many events a guest sends at once that writes its disk.
const flood = 1000

// writes has a guest write all of its disk, and looks at what came of it.
func writes(t *testing.T, c Config, h *heard) Report {
	t.Helper()
	const size = 8 << 20
	c.Disk = newDisk(t, t.TempDir(), size)
	r, e := ending(t, t.Context(), c)
	if e != nil {
		t.Fatalf("%v\n%s", e, h.console.String())
	}
	if r.Ready <= 0 || r.Ended < r.Ready {
		t.Errorf("the machine was ready after %v and ended after %v", r.Ready, r.Ended)
	}
	if n := len(h.events); n != 4+flood || h.events[0].Kind != job.Ready || h.events[n-1].Kind != job.Done {
		t.Errorf("the guest said %v", h.events)
	}
	got := make([]byte, size)
	if _, err := c.Disk.ReadAt(got, 0); err != nil || !bytes.Equal(got, []byte(strings.Repeat("written by guest", size/16))) {
		t.Errorf("the disk is not as the guest wrote it, %v", err)
	}
	return r
}

// TestAGuestDoesItsJob takes whatever accelerator works here.
func TestAGuestDoesItsJob(t *testing.T) {
	boots(t)
	c, h := guest(t, "write")
	c.Accel, c.Seed = Auto, []byte("seed")
	c.Epoch = new(int64(1_000_000_000))
	if r := writes(t, c, h); r.Accel == TCG && noKVM("x86_64") == "" && (len(h.warned) != 1 || !strings.Contains(h.warned[0], "KVM")) {
		t.Errorf("emulated with the warnings %q", h.warned)
	}
	if h.events[2+flood].Text != "2001-09-09" {
		t.Errorf("the guest's clock says %s", h.events[2].Text)
	}
}

// TestAKernelThatPanicsIsTold, with a picture of its screen.
func TestAKernelThatPanicsIsTold(t *testing.T) {
	boots(t)
	c, h := guest(t, "panic")
	c.Screendump = filepath.Join(t.TempDir(), "screen.png")
	_, e := ending(t, t.Context(), c)
	if e == nil || e.Ending != Panicked || e.Step != "the step" || e.Text != "kernel panic: Attempted to kill init! exitcode=0x00000300" {
		t.Errorf("the machine ended with %v\n%s", e, h.console.String())
	}
	f, err := os.Open(c.Screendump)
	if err != nil {
		t.Fatal(err, h.warned)
	}
	defer f.Close()
	if picture, err := png.Decode(f); err != nil || picture.Bounds().Dx() < 640 {
		t.Errorf("the picture: %v", err)
	}
}

func TestAHostWithoutRoomIsTold(t *testing.T) {
	boots(t)
	judge.Root(t)
	c, h := guest(t, "write")
	dir := t.TempDir()
	judge.Must(t, "mount", "-t", "tmpfs", "-o", "size=1m", "none", dir)
	defer judge.Must(t, "umount", dir)
	disk, err := os.OpenFile(dir, unix.O_TMPFILE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	if err := disk.Truncate(8 << 20); err != nil {
		t.Fatal(err)
	}
	c.Disk = disk
	if _, e := ending(t, t.Context(), c); e == nil || e.Ending != Stopped || !strings.Contains(e.Text, "no room left") {
		t.Errorf("the machine ended with %v\n%s", e, h.console.String())
	}
}

// children are the processes that a process has started.
func children(t *testing.T, pid int) (pids []int) {
	t.Helper()
	lists, _ := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/children")
	for _, name := range lists {
		b, _ := os.ReadFile(name)
		for word := range strings.FieldsSeq(string(b)) {
			child, err := strconv.Atoi(word)
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, child)
		}
	}
	return pids
}

// atWork has a function called while a guest's kernel starts, when it has said
// its first words.
func atWork(c *Config, do func()) {
	c.Append += " earlyprintk=ttyS0 loglevel=7"
	var once sync.Once
	c.Console = writerFunc(func(p []byte) (int, error) {
		once.Do(do)
		return len(p), nil
	})
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestQEMUThatIsKilledIsTold(t *testing.T) {
	boots(t)
	c, _ := guest(t, "ok")
	atWork(&c, func() {
		for _, pid := range children(t, os.Getpid()) {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	})
	if _, e := ending(t, t.Context(), c); e == nil || e.Ending != Ended || e.Text != "QEMU was ended by a signal, killed" {
		t.Errorf("the machine ended with %v", e)
	}
}

func TestAContextEndsAGuestAtWork(t *testing.T) {
	boots(t)
	c, _ := guest(t, "ok")
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	atWork(&c, func() { cancel(why) })
	before := open(t)
	if _, err := Run(ctx, c); err != why {
		t.Errorf("Run says %v", err)
	}
	nothingLeft(t, before)
}
