package machine

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/reprodisk/reprodisk/internal/judge"
)

// uml is a machine of user-mode Linux with the test's init, that has a wish.
func uml(t testing.TB, wish string) (Config, *heard) {
	t.Helper()
	program := judge.Tool(t, "linux.uml")
	c, h := guest(t, wish)
	c.Engine, c.Kernel = UML, program
	return c, h
}

func TestUserModeLinuxDoesItsJob(t *testing.T) {
	boots(t)
	c, h := uml(t, "write")
	writes(t, c, h)
}

func TestUserModeLinuxThatFailsIsTold(t *testing.T) {
	boots(t)
	c, h := uml(t, "panic")
	if _, e := ending(t, t.Context(), c); e == nil || e.Ending != Panicked || e.Text != "kernel panic: Attempted to kill init! exitcode=0x00000300" {
		t.Errorf("the machine ended with %v\n%s", e, h.console.String())
	}
	c, h = uml(t, "idle")
	c.Idle = 3 * time.Second
	if _, e := ending(t, t.Context(), c); e == nil || e.Ending != Hung || e.Step != "the step" {
		t.Errorf("the machine ended with %v\n%s", e, h.console.String())
	}
}

// TestUserModeLinuxDiesWithUs looks at all of its processes: when the first is
// killed, others would stay.
func TestUserModeLinuxDiesWithUs(t *testing.T) {
	boots(t)
	c, _ := uml(t, "endless")
	apart := &exec.Cmd{Path: "/proc/self/exe", Args: []string{"", "-test.run=^$"}, SysProcAttr: &syscall.SysProcAttr{}}
	spaces(apart.SysProcAttr)
	if err := apart.Run(); err != nil && os.Getenv("CI") == "" {
		t.Skipf("this host allows no namespaces: %v", err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), runnerVariable+"="+c.Kernel)
	cmd.ExtraFiles = []*os.File{c.Initrd}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "alive") {
	}
	machines := children(t, cmd.Process.Pid)
	if len(machines) != 1 {
		t.Fatalf("the machine is the processes %v", machines)
	}
	others := children(t, machines[0])
	if len(others) < 2 {
		t.Fatalf("the machine has the processes %v", others)
	}
	kill := func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	for _, pid := range append(others, machines...) {
		inner := kill
		kill = func() { gone(t, pid, inner) }
	}
	kill()
}
