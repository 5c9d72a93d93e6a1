package child

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestAllOfAGroupEnds with the program that began it, by itself or killed.
func TestAllOfAGroupEnds(t *testing.T) {
	for script, kill := range map[string]bool{"sleep 7777 & echo $!; exit 3": false, "sleep 7777 & echo $!; sleep 7777": true} {
		cmd := exec.Command("sh", "-c", script)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		missing := &exec.Cmd{Path: "/no such program"}
		p, err := Start(missing, cmd)
		if err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(out).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if kill {
			p.Kill()
		}
		<-p.Ended
		p.Kill() // of what is gone
		if p.Killed != kill {
			t.Errorf("killed: %v, want %v", p.Killed, kill)
		}
		if !kill && p.State.ExitCode() != 3 {
			t.Errorf("it ended with %v", p.State)
		}
		pid, err := strconv.Atoi(strings.TrimSpace(line))
		if err != nil {
			t.Fatal(err)
		}
		// Whoever is not its parent sees a zombie until init has reaped it.
		var state string
		for range 1000 {
			if unix.Kill(pid, 0) == unix.ESRCH {
				state = "gone"
				break
			}
			b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
			if state = string(b); strings.Contains(state, ") Z ") || state == "" {
				state = "gone"
				break
			}
		}
		if state != "gone" {
			t.Errorf("what %q had started is left: %s", script, state)
		}
	}
	if _, err := Start(&exec.Cmd{Path: "/no such program"}); err == nil {
		t.Error("a program that is not there starts")
	}
}
