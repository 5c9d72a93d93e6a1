package child

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestAllOfAGroupEnds with the program that began it, by itself or killed.
func TestAllOfAGroupEnds(t *testing.T) {
	for script, kill := range map[string]bool{"sleep 7777 & echo $!; exit 3": false, "sleep 7777 & echo $!; sleep 7777": true} {
		cmd := exec.Command("sh", "-c", script)
		// Not cmd.StdoutPipe, which is closed when the program has been waited for.
		out, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer out.Close()
		cmd.Stdout = w
		missing := &exec.Cmd{Path: "/no such program"}
		p, err := Start(missing, cmd)
		w.Close()
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
		// Whoever is not its parent sees a zombie until init has reaped it, and
		// for a moment what was killed and has not run since.
		state := "?"
		for deadline := time.Now().Add(time.Minute); state != "" && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
			if state = string(b); strings.Contains(state, ") Z ") {
				state = ""
			}
		}
		if state != "" {
			t.Errorf("what %q had started is left: %s", script, state)
		}
	}
	if _, err := Start(&exec.Cmd{Path: "/no such program"}); err == nil {
		t.Error("a program that is not there starts")
	}
}
