package inside

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/build/guest/job"
	"github.com/reprodisk/reprodisk/internal/judge"
)

// TestMainReturns in a process that is the first one of its namespace and has
// the name of init, but has no job.
func TestMainReturns(t *testing.T) {
	judge.Root(t)
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestLines$")
	cmd.Args[0] = job.Init
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID}
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "PASS") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestPanicTurnsTheMachineOff: in a pid namespace, Linux ends its first process
// with SIGINT where it turns a machine off.
func TestPanicTurnsTheMachineOff(t *testing.T) {
	const variable = "REPRODISK_TEST_PANIC"
	if os.Getenv(variable) != "" {
		g := &guest{events: &events{port: -1, console: os.Stdout}}
		go func() {
			defer g.rescue()
			panic("boom")
		}()
		select {}
	}
	judge.Root(t)
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), variable+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != unix.SIGINT || !strings.Contains(string(out), "failed : internal error of the guest: boom") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestJobIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "job")
	for content, want := range map[string]string{
		`{"disk":"vda"}`:              "",
		`{"disk":`:                    path + ": unexpected end of JSON input",
		strings.Repeat(" ", maxJob+1): path + ": it has more than 16777216 bytes",
	} {
		must(t, os.WriteFile(path, []byte(content), 0o600))
		j, err := readJob(path)
		if err == nil && j.Disk != "vda" || err != nil && err.Error() != want {
			t.Errorf("%.20q: %v", content, err)
		}
	}
	if _, err := readJob(path + "x"); err == nil || err.Error() != path+"x: no such file or directory" {
		t.Error(err)
	}
}
