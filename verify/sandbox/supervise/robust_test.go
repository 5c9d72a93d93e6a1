//go:build linux && amd64

package supervise

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/verify/world"
)

// everything is a world in which all is controlled.
func everything() world.World {
	return world.World{
		Clock:        clocks["running"],
		Random:       world.Random{Seed: "seed"},
		FileOrdering: world.Ordering{Mode: world.OrderShuffled, Seed: "seed"},
		Kernel:       world.Kernel{Release: "5.10.0-9-amd64", Version: "#1 SMP Debian 5.10.70-1"},
		Host:         world.Host{Name: "elsewhere"},
		Memory:       3 << 30,
		Inodes:       world.Inodes{Skip: 1000},
		InputTimes:   world.InputTimes{Mode: world.InputTimesMtime},
	}
}

func TestBadPointersAreFaults(t *testing.T) {
	for _, prog := range asks(t) {
		if out := must(t, everything(), prog, "faults"); out != "well" {
			t.Error(out)
		}
	}
}

func TestWhatABuildIsDenied(t *testing.T) {
	r, err := command{}.run(t, everything(), asks(t)[0], "denied")
	if err != nil || r.out != "denied\n" {
		t.Fatalf("%v %s%s", err, r.out, r.err)
	}
	if len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "/ask: ") {
		t.Errorf("%q", r.Notes)
	}
}

func TestA32BitCallEndsTheBuild(t *testing.T) {
	r, err := command{}.run(t, everything(), "sh", "-c", asks(t)[0]+" int80; echo after")
	if err != nil || r.out != "" || !strings.HasSuffix(r.Refused, "use a 64-bit program") || !strings.Contains(r.Refused, "/ask ") {
		t.Errorf("%v, refused %q, printed %q", err, r.Refused, r.out)
	}
}

// TestA32BitProgramEndsTheBuild runs the smallest one there is: exit(0).
func TestA32BitProgramEndsTheBuild(t *testing.T) {
	prog := filepath.Join(t.TempDir(), "old")
	if err := os.WriteFile(prog, elf32(), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := exec.Command(prog).Run(); err != nil {
		t.Skip("this kernel runs no 32-bit programs: " + err.Error())
	}
	r, err := command{}.run(t, everything(), "sh", "-c", prog+"; echo after")
	if err != nil || r.out != "" || r.Refused != prog+" is a 32-bit program, which is not supervised: use a 64-bit one" {
		t.Errorf("%v, refused %q, printed %q", err, r.Refused, r.out)
	}
}

// TestAThreadBecomesAProgram has a thread other than the first call execve,
// while others wait.
func TestAThreadBecomesAProgram(t *testing.T) {
	for _, prog := range asks(t) {
		everySecond(t, clocks["running"], command{dir: t.TempDir()}.must(t, everything(), prog, "thread", prog, "thread", prog, "clock"))
	}
}

func TestAStormOfProcessesPasses(t *testing.T) {
	for _, prog := range asks(t) {
		w := everything()
		r, err := command{}.run(t, w, "setsid", "-w", prog, "storm")
		if err != nil || !strings.HasSuffix(r.out, "calm\n") {
			t.Fatalf("%v, status %v\n%s%s", err, r.Status, r.out, r.err)
		}
	}
}

func TestExitStatus(t *testing.T) {
	if r, err := (command{}).run(t, everything(), "sh", "-c", "exit 7"); err != nil || r.Status.ExitStatus() != 7 {
		t.Errorf("%v, %v", err, r.Status)
	}
	if r, err := (command{}).run(t, everything(), "sh", "-c", "kill -TERM $$"); err != nil || r.Status.Signal() != unix.SIGTERM {
		t.Errorf("%v, %v", err, r.Status)
	}
	r, err := command{}.run(t, everything(), "sh", "-c", `trap 'echo trapped; exit 3' USR1; kill -USR1 $$; sleep 5`)
	if err != nil || r.Status.ExitStatus() != 3 || r.out != "trapped\n" {
		t.Errorf("%v, %v, %q", err, r.Status, r.out)
	}
}

func TestAStoppedJobGoesOn(t *testing.T) {
	out := must(t, everything(), "bash", "-c", `set -m; (kill -STOP $BASHPID; echo went on) & until jobs -s | grep -q .; do sleep 0.02; done; jobs -s | wc -l; kill -CONT %1; wait`)
	if strings.Join(strings.Fields(out), " ") != "1 went on" {
		t.Errorf("%q", out)
	}
}

// sleeping are the processes that sleep for so many seconds: a number that no
// other test run has.
func sleeping(seconds string) (pids []string) {
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, name := range lines {
		if b, err := os.ReadFile(name); err == nil && string(b) == "sleep\x00"+seconds+"\x00" {
			pids = append(pids, filepath.Base(filepath.Dir(name)))
		}
	}
	return pids
}

// TestNothingIsLeft ends runs in the middle: by the context, and by the
// leader's own end.
func TestNothingIsLeft(t *testing.T) {
	for name, c := range map[string]struct {
		begin func(cancel func(), dir string)
		err   error
	}{
		"the context":     {func(cancel func(), _ string) { cancel() }, context.Canceled},
		"the leader ends": {func(_ func(), dir string) { os.WriteFile(filepath.Join(dir, "end"), nil, 0o644) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			mark := fmt.Sprintf("9%d.%d", os.Getpid(), len(name))
			script := strings.ReplaceAll(`trap '' TERM HUP INT; setsid sleep M & sleep M & (sleep M; sleep M) & (kill -STOP $BASHPID; sleep M) &
				until [ -e end ]; do sleep 0.02; done`, "M", mark)
			dir := t.TempDir()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			came := make(chan bool, 1)
			go func() {
				for until := time.Now().Add(2 * time.Minute); len(sleeping(mark)) < 3; time.Sleep(10 * time.Millisecond) {
					if time.Now().After(until) {
						came <- false
						cancel()
						return
					}
				}
				came <- true
				c.begin(cancel, dir)
			}()
			r, err := command{ctx: ctx, dir: dir}.run(t, everything(), "bash", "-c", script)
			if !<-came {
				t.Fatalf("it has not started what it is to leave: %s", r.err)
			}
			if c.err == nil && (err != nil || r.Status.ExitStatus() != 0) || c.err != nil && (!errors.Is(err, c.err) || r.Status.Signal() != unix.SIGKILL) {
				t.Errorf("%v, %v", err, r.Status)
			}
			if left := sleeping(mark); len(left) > 0 {
				t.Errorf("processes are left: %v", left)
			}
		})
	}
}

// TestAnExecStageThatFails has its end before Prepare, and after.
func TestAnExecStageThatFails(t *testing.T) {
	conn, build, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		p, err := os.StartProcess("/bin/false", []string{"false"}, &os.ProcAttr{Files: []*os.File{nil, nil, nil, build}})
		if err != nil {
			t.Error(err)
			return
		}
		build.Close()
		w := everything()
		if r, err := Run(t.Context(), Options{World: &w, Conn: conn, Leader: p.Pid}); err != nil || r.Stops != 0 || r.Status.ExitStatus() != 1 {
			t.Errorf("%v, %+v", err, r)
		}
	}()
	<-done
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("no program"), 0o755); err != nil {
		t.Fatal(err)
	}
	r, err := command{}.run(t, everything(), text)
	if err != nil || r.Status.ExitStatus() != 127 || !strings.Contains(r.err, "exec format error") {
		t.Errorf("%v, %v, %s", err, r.Status, r.err)
	}
}

func TestFirstExec(t *testing.T) {
	calls := 0
	c := command{options: Options{FirstExec: func() error { calls++; return nil }}}
	c.must(t, everything(), "sh", "-c", "date; date")
	if calls != 1 {
		t.Errorf("called %d times", calls)
	}
	broken := errors.New("no more numbers")
	c.options.FirstExec = func() error { return broken }
	if r, err := c.run(t, everything(), "echo", "ran"); !errors.Is(err, broken) || r.out != "" {
		t.Errorf("%v, printed %q", err, r.out)
	}
}

func TestRunsAtTheSameTimeDoNotMeet(t *testing.T) {
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			w := everything()
			w.Clock = world.Clock{Mode: world.ClockFrozen, Start: dawn.Add(time.Duration(i) * time.Hour)}
			r, err := command{}.run(t, w, "sh", "-c", "for i in 1 2 3; do date +%s; done")
			line := strconv.FormatInt(w.Clock.Start.Unix(), 10) + "\n"
			if err != nil || r.out != strings.Repeat(line, 3) {
				t.Errorf("%v: %q", err, r.out)
			}
		})
	}
	wg.Wait()
}

func TestAnOrdinaryUser(t *testing.T) {
	judge.Root(t)
	dir := t.TempDir()
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		os.Chmod(d, 0o755)
	}
	work := filepath.Join(dir, "work")
	if err := os.Mkdir(work, 0o777); err != nil || os.Chmod(work, 0o777) != nil {
		t.Fatal(err)
	}
	nobody := command{user: &syscall.Credential{Uid: 65534, Gid: 65534}, dir: work}
	// The whole test program, so that the supervisor too is an ordinary user.
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(dir, "supervise.test")
	if err := os.WriteFile(copied, data, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(copied, 0o755); err != nil { // whatever the umask
		t.Fatal(err)
	}
	cmd := exec.Command(copied, "-test.run", "^TestOrdinary$", "-test.v")
	cmd.Env = append(os.Environ(), "SUPERVISE_ASK="+asks(t)[0], "TMPDIR="+work)
	cmd.Dir = work
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: nobody.user}
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: TestOrdinary") {
		t.Errorf("%v\n%s", err, out)
	}
	// A supervisor that is root, a build that is not.
	nobody.program = copied
	everySecond(t, clocks["running"], nobody.must(t, everything(), asks(t)[0], "clock"))
}

// TestOrdinary is run by the test above, as another user.
func TestOrdinary(t *testing.T) {
	ask := os.Getenv("SUPERVISE_ASK")
	if ask == "" {
		t.Skip("this is a part of another test")
	}
	w := everything()
	everySecond(t, w.Clock, must(t, w, ask, "clock"))
	everySecond(t, w.Clock, must(t, w, ask, "files"))
	drawn(t, ask, "random")
	if out := must(t, w, ask, "faults"); out != "well" {
		t.Error(out)
	}
	must(t, w, ask, "dir")
}

// elf32 is an i386 program of one segment: mov eax, 1; xor ebx, ebx; int 0x80.
func elf32() []byte {
	code := []byte{0xb8, 1, 0, 0, 0, 0x31, 0xdb, 0xcd, 0x80}
	head := []byte{
		0x7f, 'E', 'L', 'F', 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		2, 0, 3, 0, 1, 0, 0, 0, 0x54, 0x80, 0x04, 0x08, 0x34, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 0, 0, 0x34, 0, 0x20, 0, 1, 0, 0, 0, 0, 0, 0, 0,
		1, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x04, 0x08, 0, 0x80, 0x04, 0x08,
		0x5d, 0, 0, 0, 0x5d, 0, 0, 0, 5, 0, 0, 0, 0, 0x10, 0, 0,
	}
	return append(head, code...)
}
