//go:build linux && amd64

package supervise

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/verify/world"
)

// execStage is the argv[0] under which the test binary is the exec stage of a
// sandbox at level supervised, and nothing else.
const execStage = "supervise-test-exec"

func init() {
	if len(os.Args) > 0 && os.Args[0] == execStage {
		runtime.LockOSThread()
	}
}

func TestMain(m *testing.M) {
	if os.Args[0] != execStage {
		status := m.Run()
		if programs.dir != "" {
			os.RemoveAll(programs.dir)
		}
		os.Exit(status)
	}
	err := func() error {
		if err := Prepare(os.NewFile(3, "conn")); err != nil {
			return err
		}
		return unix.Exec(os.Args[1], os.Args[1:], os.Environ())
	}()
	fmt.Fprintln(os.Stderr, err)
	os.Exit(127)
}

// run is one supervised command and what came of it.
type run struct {
	Result
	out, err string
}

// command says how to run something other than plainly.
type command struct {
	options Options
	dir     string
	user    *syscall.Credential
	env     []string
	ctx     context.Context
	program string // this one, where another user may run it; empty: as it is
}

// start runs a program under supervision, as the sandbox does at level
// supervised.
func (c command) run(t testing.TB, w world.World, args ...string) (run, error) {
	t.Helper()
	path, err := exec.LookPath(args[0])
	if err != nil {
		t.Fatal(err)
	}
	conn, build, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	outR, outW, _ := os.Pipe()
	errR, errW, _ := os.Pipe()
	null, _ := os.Open(os.DevNull)
	defer null.Close()
	read := make(chan struct{}, 2)
	for _, p := range []struct {
		from *os.File
		to   *bytes.Buffer
	}{{outR, &stdout}, {errR, &stderr}} {
		go func() {
			p.to.ReadFrom(p.from)
			p.from.Close()
			read <- struct{}{}
		}()
	}
	ctx := c.ctx
	if ctx == nil {
		ctx = t.Context()
	}
	o := c.options
	o.World, o.Conn = &w, conn
	var r run
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine, and its tracees
		if o.Start.IsZero() {
			o.Start = time.Now()
		}
		env := c.env
		if env == nil {
			env = []string{"PATH=" + os.Getenv("PATH") + ":/usr/sbin:/sbin", "LC_ALL=C", "TZ=UTC"}
		}
		p, err := os.StartProcess(cmp.Or(c.program, "/proc/self/exe"), append([]string{execStage, path}, args[1:]...), &os.ProcAttr{
			Dir:   c.dir,
			Env:   env,
			Files: []*os.File{null, outW, errW, build},
			Sys:   &syscall.SysProcAttr{Credential: c.user},
		})
		build.Close()
		outW.Close()
		errW.Close()
		if err != nil {
			conn.Close()
			done <- err
			return
		}
		o.Leader = p.Pid
		r.Result, err = Run(ctx, o)
		p.Release()
		done <- err
	}()
	err = <-done
	<-read
	<-read
	r.out, r.err = stdout.String(), stderr.String()
	return r, err
}

// must runs a program that has to succeed, and returns what it printed.
func must(t testing.TB, w world.World, args ...string) string {
	t.Helper()
	return command{}.must(t, w, args...)
}

func (c command) must(t testing.TB, w world.World, args ...string) string {
	t.Helper()
	r, err := c.run(t, w, args...)
	if err != nil || r.Status.ExitStatus() != 0 || r.Refused != "" {
		t.Fatalf("%q: %v, status %v, refused %q\n%s%s", args, err, r.Status, r.Refused, r.out, r.err)
	}
	return strings.TrimSpace(r.out)
}
