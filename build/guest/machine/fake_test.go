package machine

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/build/guest/job"
)

// fakeVariable makes this program a QEMU that plays one of the parts below, and
// runnerVariable one that runs such a QEMU.
const (
	fakeVariable   = "MACHINE_FAKE"
	runnerVariable = "MACHINE_RUNNER"
	fakeRunner     = "fake"
)

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(runnerVariable) != "":
		program := os.Getenv(runnerVariable)
		os.Unsetenv(runnerVariable)
		runner(program)
	case os.Getenv(fakeVariable) != "":
		if slices.Equal(os.Args[1:], []string{"--version"}) {
			fmt.Println("QEMU emulator version 99.2.3 (fake)\nCopyright")
			os.Exit(0)
		}
		newFake(os.Args[1:]).play(os.Getenv(fakeVariable))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// fake is a program with the command line of QEMU, and a guest in it.
type fake struct {
	accel                    string
	monitor, console, events *os.File
	disk, screen             *os.File
	commands                 *json.Decoder // a command is not a line
}

var descriptors = regexp.MustCompile(`^(?:socket,id=(\w+),fd=(\d+)|fd=(\d+),set=(\d))$`)

func newFake(args []string) *fake {
	f := &fake{accel: args[slices.Index(args, "-accel")+1]}
	for _, a := range args {
		m := descriptors.FindStringSubmatch(a)
		if m == nil {
			continue
		}
		fd, _ := strconv.Atoi(m[2] + m[3])
		file := os.NewFile(uintptr(fd), a)
		switch m[1] + m[4] {
		case "monitor":
			f.monitor = file
		case "console":
			f.console = file
		case "events":
			f.events = file
		case diskSet.String()[len(diskSet.String())-1:]:
			f.disk = file
		case screenSet.String()[len(screenSet.String())-1:]:
			f.screen = file
		}
	}
	f.commands = json.NewDecoder(f.monitor)
	return f
}

// greet begins QMP as QEMU's docs/interop/qmp-spec.txt has it.
func (f *fake) greet() {
	fmt.Fprintf(f.monitor, `{"QMP": {"version": {"qemu": {"micro": 3, "minor": 2, "major": 99}, "package": "fake"}, "capabilities": ["oob"]}}`+"\r\n")
	f.command()
	fmt.Fprintf(f.monitor, `{"return": {}}`+"\r\n")
}

type fakeCommand struct {
	Execute   string
	Arguments map[string]string
}

// command is the next one; without one more, the fake ends.
func (f *fake) command() (c fakeCommand) {
	if f.commands.Decode(&c) != nil {
		os.Exit(9)
	}
	return c
}

// answer answers commands for ever: query-status with a status.
func (f *fake) answer(status string) {
	for {
		c := f.command()
		switch c.Execute {
		case "query-status":
			fmt.Fprintf(f.monitor, `{"return": {"status": %q, "singlestep": false, "running": false}}`+"\r\n", status)
		case "quit":
			fmt.Fprintf(f.monitor, `{"return": {}}`+"\r\n")
			os.Exit(0)
		case "screendump":
			fmt.Fprintf(f.screen, "a picture in %s", c.Arguments["format"])
			fallthrough
		default:
			fmt.Fprintf(f.monitor, `{"return": {}}`+"\r\n")
		}
	}
}

func (f *fake) event(name, data string) {
	fmt.Fprintf(f.monitor, `{"timestamp": {"seconds": 1, "microseconds": 2}, "event": %q, "data": %s}`+"\r\n", name, data)
}

func (f *fake) tell(kind job.Kind, text string) { fmt.Fprint(f.events, event(kind, text)) }

func event(kind job.Kind, text string) string {
	b, _ := json.Marshal(job.Event{Kind: kind, Step: "the step", Text: text})
	return string(b) + "\n"
}

// done is a guest that does its job and turns itself off.
func (f *fake) done() {
	f.tell(job.Ready, "")
	f.tell(job.Done, "")
}

func (f *fake) play(part string) {
	switch part {
	case "done":
		f.greet()
		f.done()
	case "confined":
		if slices.Contains(os.Args, "-sandbox") {
			fmt.Fprintln(os.Stderr, "fake: -sandbox support is not enabled in this QEMU binary")
			os.Exit(1)
		}
		f.done()
	case "status":
		fmt.Fprintln(os.Stderr, "fake: the option is not known")
		os.Exit(1)
	case "signal":
		_ = unix.Kill(os.Getpid(), unix.SIGKILL)
		time.Sleep(time.Hour)
	case "internal-error": // under KVM, where emulation is fine
		f.greet()
		if f.accel == "kvm" {
			f.answer("internal-error")
		}
		f.done()
	case "writer": // under KVM something goes wrong after the disk was written
		if f.accel == "kvm" {
			_, _ = f.disk.WriteAt([]byte("written"), 0)
			os.Exit(1)
		}
		f.done()
	case "slow": // under KVM
		f.greet()
		if f.accel == "kvm" {
			f.answer("running")
		}
		f.done()
	case "full":
		f.greet()
		f.tell(job.Ready, "")
		f.event("BLOCK_IO_ERROR", `{"device": "", "node-name": "disk", "operation": "write", "action": "stop", "nospace": true, "reason": "No space left on device"}`)
		f.event("STOP", `{}`)
		f.answer("io-error")
	case "unreadable":
		f.greet()
		f.event("BLOCK_IO_ERROR", `{"operation": "read", "action": "stop", "nospace": false, "reason": "Input/output error"}`)
		f.answer("io-error")
	case "deaf": // does not answer, and does not end
		f.greet()
		f.tell(job.Ready, "")
		time.Sleep(time.Hour)
	case "mute": // does not even greet
		f.tell(job.Ready, "")
		time.Sleep(time.Hour)
	case "here": // tells its number
		f.greet()
		f.tell(job.Ready, "")
		f.tell(job.Output, strconv.Itoa(os.Getpid()))
		f.answer("running")
	case "chatty": // what go-qemu does not bear: many events, and too long a reply
		f.greet()
		for range 2000 {
			f.event("RTC_CHANGE", `{"offset": 1, "qom-path": "/machine/unattached/device[7]"}`)
		}
		f.command()
		fmt.Fprintf(f.monitor, `{"return": {"status": "%s"}}`+"\r\n", strings.Repeat("x", 200<<10))
		f.done()
	case "unasked": // replies before there is a question
		f.greet()
		fmt.Fprintf(f.monitor, `{"return": {"status": "running"}}`+"\r\n"+`{"return": 1}`+"\r\n"+`nonsense`+"\r\n")
		f.tell(job.Ready, "")
		f.answer("running")
	case "parent": // leaves a process behind
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = []string{fakeVariable + "=child"}
		cmd.Args = append(cmd.Args, os.Args[1:]...)
		cmd.ExtraFiles = []*os.File{f.monitor, f.console, f.events}
		if cmd.Start() != nil {
			os.Exit(8)
		}
		f.tell(job.Ready, "")
		f.tell(job.Output, strconv.Itoa(cmd.Process.Pid))
		f.tell(job.Done, "")
	case "child":
		time.Sleep(time.Hour)
	case "rootless":
		fmt.Fprintf(f.console, "Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)\n")
	case "fail":
		f.tell(job.Ready, "")
		f.tell(job.Began, "")
		fmt.Fprintf(f.console, "of no interest\n")
		for n := range 5 {
			f.tell(job.Output, fmt.Sprintf("line %d", n))
		}
		f.tell(job.Failed, "exit status \x1b[1m3\x1b[0m")
	case "memory":
		b, _ := json.Marshal(job.Event{Kind: job.Failed, Step: "mount", Text: "killed", Memory: true})
		fmt.Fprintf(f.events, "%s\n", b)
	case "early": // powers off
		f.tell(job.Ready, "")
		fmt.Fprintf(f.console, "one\r\n\x1b[2J\r\ntwo\nthree\nfour \x00\xff\n")
	case "garbage":
		fmt.Fprintf(f.events, "no\x00event\n")
		time.Sleep(time.Hour)
	case "kind":
		f.tell("strange", "")
		time.Sleep(time.Hour)
	case "long":
		fmt.Fprint(f.events, strings.Repeat("x", 10*job.MaxEvent))
		time.Sleep(time.Hour)
	case "last": // garbage, and off
		f.tell(job.Ready, "")
		fmt.Fprintln(f.events, "{}")
	case "cut": // in the middle of an event
		f.tell(job.Ready, "")
		fmt.Fprint(f.events, `{"kind":"done"`)
	case "idle":
		fmt.Fprint(f.events, event(job.Ready, "")+event(job.Began, "")) // nothing can come between the two
		for {
			f.tell(job.Alive, "")
			time.Sleep(time.Millisecond)
		}
	case "busy": // for longer than a guest may be idle
		f.tell(job.Ready, "")
		for n := range 120 {
			b, _ := json.Marshal(job.Event{Kind: job.Alive, Work: uint64(n)})
			fmt.Fprintf(f.events, "%s\n", b)
			time.Sleep(50 * time.Millisecond)
		}
		f.tell(job.Done, "")
	case "stay": // does not turn itself off
		f.done()
		time.Sleep(time.Hour)
	case "flood":
		f.tell(job.Ready, "")
		for range 1000 {
			f.tell(job.Output, strings.Repeat("y", 4000))
			fmt.Fprintln(f.console, strings.Repeat("z", 4000))
		}
		f.tell(job.Done, "")
	case "panic": // with -no-shutdown
		f.greet()
		f.tell(job.Ready, "")
		fmt.Fprintf(f.console, "Kernel panic - not syncing: it \x1b[31mhad\x1b[0m to\r\n")
		f.event("SHUTDOWN", `{"guest": true, "reason": "guest-reset"}`)
		f.answer("shutdown")
	case "off": // with -no-shutdown
		f.greet()
		f.done()
		f.event("SHUTDOWN", `{"guest": true, "reason": "guest-shutdown"}`)
		f.answer("shutdown")
	}
}

// faked is a machine whose QEMU plays a part.
func faked(t testing.TB, part string) (Config, *heard) {
	t.Helper()
	t.Setenv(fakeVariable, part)
	t.Setenv("GORACE", "atexit_sleep_ms=0") // the fake's end would be a second late
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	disk, err := memory("disk")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { disk.Close() })
	h := &heard{}
	return Config{
		Program: self, Kernel: self, Arch: "x86_64", Disk: disk, Accel: TCG, Start: 5 * time.Minute, Idle: 5 * time.Minute, Console: h,
		Event: func(e job.Event) { h.events = append(h.events, e) },
		Warn:  func(s string) { h.warned = append(h.warned, s) },
	}, h
}

// runner runs a machine and says what its guest says: one of the program that
// the variable names, else one of a fake.
func runner(program string) {
	self, _ := os.Executable()
	c := Config{Program: self, Kernel: self, Arch: "x86_64", Accel: TCG}
	if program != fakeRunner {
		c = Config{Engine: UML, Kernel: program, Initrd: os.NewFile(3, "initrd"), MemMiB: 256, Append: "wish=endless"}
	}
	c.Event = func(e job.Event) { fmt.Println(e.Kind, e.Text) }
	_, err := Run(context.Background(), c)
	fmt.Println(err)
	os.Exit(7)
}

// ending is the error of a machine, of which nothing may be left.
func ending(t *testing.T, ctx context.Context, c Config) (Report, *Error) {
	t.Helper()
	before := open(t)
	r, err := Run(ctx, c)
	nothingLeft(t, before)
	var e *Error
	if err != nil && !errors.As(err, &e) {
		t.Fatalf("%T: %v", err, err)
	}
	if e != nil && strings.ContainsAny(e.Error(), "\n\r\x1b") {
		t.Errorf("an error of more than one line: %q", e)
	}
	return r, e
}

// kvm has the tests' machines find a KVM, whether there is one or not.
func kvm(t *testing.T) {
	name := kvmDevice
	t.Cleanup(func() { kvmDevice = name })
	kvmDevice = os.DevNull
	if arches[""] != "x86_64" {
		t.Skip("the fake machine is one of x86_64")
	}
}

func TestWhatQEMUSaysIsTold(t *testing.T) {
	for part, want := range map[string]struct {
		ending Ending
		text   string
	}{
		"status":         {Ended, "QEMU ended with status 1: fake: the option is not known"},
		"signal":         {Ended, "QEMU was ended by a signal, killed"},
		"full":           {Stopped, "the host has no room left for what the guest writes to its disk"},
		"unreadable":     {Stopped, "the host cannot read the disk's image: Input/output error"},
		"internal-error": {Stopped, "the host's KVM cannot run the guest: QEMU says internal-error"},
	} {
		t.Run(part, func(t *testing.T) {
			c, _ := faked(t, part)
			if part == "internal-error" {
				kvm(t)
				c.Accel = KVM
			}
			if _, e := ending(t, t.Context(), c); e == nil || e.Ending != want.ending || e.Text != want.text {
				t.Errorf("the machine ended with %v", e)
			}
		})
	}
}

func TestAQEMUWithoutSeccompIsStarted(t *testing.T) {
	c, _ := faked(t, "confined")
	if _, e := ending(t, t.Context(), c); e != nil {
		t.Error(e)
	}
}

func TestKVMIsGivenUpWhereNoGuestComesUp(t *testing.T) {
	kvm(t)
	for part, why := range map[string]string{
		"internal-error": "internal-error", "signal": "killed", "slow": "was not ready within",
	} {
		t.Run(part, func(t *testing.T) {
			c, h := faked(t, part)
			c.Accel, c.Trial = Auto, 5*time.Minute
			if part == "slow" {
				c.Trial = time.Second
			}
			r, e := ending(t, t.Context(), c)
			if part == "signal" { // emulation fares no better
				if e == nil || e.Ending != Ended {
					t.Errorf("the machine ended with %v", e)
				}
			} else if e != nil {
				t.Error(e)
			}
			if r.Accel != TCG || len(h.warned) != 1 || !strings.Contains(h.warned[0], why) {
				t.Errorf("%s, warned of %q", r.Accel, h.warned)
			}
		})
	}
}

func TestKVMIsKeptWhereAGuestComesUp(t *testing.T) {
	kvm(t)
	c, h := faked(t, "done")
	c.Accel = Auto
	if r, e := ending(t, t.Context(), c); e != nil || r.Accel != KVM || len(h.warned) != 0 {
		t.Errorf("%+v, %v, warned of %q", r, e, h.warned)
	}
}

func TestNoSecondStartOnADiskThatWasWritten(t *testing.T) {
	kvm(t)
	c, _ := faked(t, "writer")
	c.Accel = Auto
	if _, err := Run(t.Context(), c); err == nil || !strings.Contains(err.Error(), "wrote to the disk before") {
		t.Errorf("Run says %v", err)
	}
}

func TestTheFirmwaresVariablesAreAsBeforeATrial(t *testing.T) {
	c := Config{}
	var err error
	if c.Variables, err = memory("variables"); err != nil {
		t.Fatal(err)
	}
	defer c.Variables.Close()
	before := strings.Repeat("before", 1000)
	if _, err := c.Variables.WriteString(before); err != nil {
		t.Fatal(err)
	}
	s, err := c.remember()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Variables.WriteAt([]byte("a firmware's"), 1234); err != nil {
		t.Fatal(err)
	}
	if err := s.restore(&c); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(io.NewSectionReader(c.Variables, 0, 1<<20)); err != nil || string(b) != before {
		t.Errorf("the variables have %d other bytes, %v", len(b), err)
	}
}

func TestWhatAGuestSaysIsTold(t *testing.T) {
	for part, want := range map[string]struct {
		ending Ending
		text   string
	}{
		"fail":    {Failed, "guest: the step: exit status 3 (it said last: line 2 | line 3 | line 4)"},
		"memory":  {Failed, "guest: mount: killed; the guest ran out of memory: give it more with memSize"},
		"early":   {Off, "guest: the guest turned its machine off before it was done (it said last: two | three | four \ufffd)"},
		"garbage": {Garbled, `guest: the guest sent what is no event: "no\x00event\n"`},
		"kind":    {Garbled, `guest: the guest sent an event of the kind "strange", which there is not`},
		"long":    {Garbled, "guest: the guest sent a line of more than 65536 bytes, which is no event"},
		"last":    {Garbled, `guest: the guest sent an event of the kind "", which there is not`},
		"cut":     {Off, "guest: the guest turned its machine off before it was done"},
		"idle":    {Hung, "guest: the step: nothing moved for 500ms"},
	} {
		t.Run(part, func(t *testing.T) {
			c, _ := faked(t, part)
			if part == "idle" {
				c.Idle = 500 * time.Millisecond
			}
			if _, e := ending(t, t.Context(), c); e == nil || e.Ending != want.ending || e.Error() != want.text {
				t.Errorf("the machine ended with %v", e)
			}
		})
	}
}

func TestAGuestThatWorksIsNotHung(t *testing.T) {
	c, _ := faked(t, "busy")
	c.Idle = 4 * time.Second // of six
	if _, e := ending(t, t.Context(), c); e != nil {
		t.Error(e)
	}
}

func TestAGuestThatStaysIsEnded(t *testing.T) {
	c, h := faked(t, "stay")
	c.grace = time.Millisecond
	if _, e := ending(t, t.Context(), c); e != nil || len(h.warned) != 1 {
		t.Errorf("%v, warned of %q", e, h.warned)
	}
}

func TestAFloodIsHeardWhole(t *testing.T) {
	c, h := faked(t, "flood")
	if _, e := ending(t, t.Context(), c); e != nil {
		t.Error(e)
	}
	if len(h.events) != 1002 || h.console.Len() != 1000*4001 {
		t.Errorf("heard %d events and %d bytes of the console", len(h.events), h.console.Len())
	}
}

// TestAMonitorThatMisbehavesIsSurvived: the machine goes on without one.
func TestAMonitorThatMisbehavesIsSurvived(t *testing.T) {
	c, _ := faked(t, "chatty")
	if r, e := ending(t, t.Context(), c); e != nil || r.Version != "99.2.3" {
		t.Errorf("%+v, %v", r, e)
	}
	for _, part := range []string{"deaf", "mute", "unasked"} {
		t.Run(part, func(t *testing.T) {
			c, _ := faked(t, part)
			c.Idle = 100 * time.Millisecond
			if _, e := ending(t, t.Context(), c); e == nil || e.Ending != Hung {
				t.Errorf("the machine ended with %v", e)
			}
		})
	}
}

func TestTheScreenOfAMachineThatFailsIsKept(t *testing.T) {
	for name, format := range map[string]string{"screen.png": "png", "screen.ppm": "ppm"} {
		c, _ := faked(t, "panic")
		c.Screendump = t.TempDir() + "/" + name
		if _, e := ending(t, t.Context(), c); e == nil || e.Ending != Panicked || e.Text != "kernel panic: it had to" {
			t.Errorf("the machine ended with %v", e)
		}
		if b, err := os.ReadFile(c.Screendump); err != nil || string(b) != "a picture in "+format {
			t.Errorf("there is %q, %v", b, err)
		}
	}
	c, _ := faked(t, "off")
	c.Screendump = t.TempDir() + "/screen.png"
	if _, e := ending(t, t.Context(), c); e != nil {
		t.Error(e)
	}
	if _, err := os.Stat(c.Screendump); err == nil {
		t.Error("there is a picture of a machine that did not fail")
	}
}

func TestAContextEndsAMachine(t *testing.T) {
	why := errors.New("enough")
	for _, part := range []string{"here", "deaf", "mute"} {
		t.Run(part, func(t *testing.T) {
			c, _ := faked(t, part)
			ctx, cancel := context.WithCancelCause(t.Context())
			c.Event = func(job.Event) { cancel(why) }
			before := open(t)
			if _, err := Run(ctx, c); err != why {
				t.Errorf("Run says %v", err)
			}
			nothingLeft(t, before)
		})
	}
}

// gone waits until a process has ended, which it must soon.
func gone(t *testing.T, pid int, do func()) {
	t.Helper()
	fd, err := unix.PidfdOpen(pid, 0)
	if err == nil {
		defer unix.Close(fd)
	}
	do()
	if err == unix.ESRCH {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 120_000)
		if err == unix.EINTR {
			continue
		}
		if n != 1 || err != nil {
			t.Errorf("process %d is still there, %v", pid, err)
		}
		return
	}
}

func TestWhatQEMUHasStartedEndsWithIt(t *testing.T) {
	c, h := faked(t, "parent")
	if _, e := ending(t, t.Context(), c); e != nil {
		t.Fatal(e)
	}
	pid, err := strconv.Atoi(h.events[1].Text)
	if err != nil {
		t.Fatal(err)
	}
	gone(t, pid, func() {})
}

func TestQEMUDiesWithUs(t *testing.T) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), runnerVariable+"="+fakeRunner, fakeVariable+"=here")
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	pid := 0
	for pid == 0 && lines.Scan() {
		_, number, _ := strings.Cut(lines.Text(), " ")
		pid, _ = strconv.Atoi(number)
	}
	gone(t, pid, func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
}
