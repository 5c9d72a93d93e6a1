package machine

import (
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// opened are the goroutines and the open files of this program.
type opened struct{ goroutines, files int }

func open(t *testing.T) opened {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return opened{runtime.NumGoroutine(), len(files)}
}

// nothingLeft fails the test where a machine has left goroutines, open files
// (sockets are some) or processes. A goroutine that has closed its channel may need a
// moment more.
func nothingLeft(t *testing.T, before opened) {
	t.Helper()
	var now opened
	for until := time.Now().Add(time.Minute); time.Now().Before(until); time.Sleep(time.Millisecond) {
		runtime.GC() // the poller's files come and go with the first one polled
		if now = open(t); now.goroutines <= before.goroutines && now.files <= before.files {
			break
		}
	}
	if now.goroutines > before.goroutines {
		stacks := make([]byte, 64<<10)
		t.Errorf("%d goroutines, before the machine %d\n%s", now.goroutines, before.goroutines, stacks[:runtime.Stack(stacks, true)])
	}
	if now.files > before.files {
		files, _ := os.ReadDir("/proc/self/fd")
		for _, f := range files {
			to, _ := os.Readlink("/proc/self/fd/" + f.Name())
			t.Log(f.Name(), to)
		}
		t.Errorf("%d open files, before the machine %d", now.files, before.files)
	}
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		if b, _ := os.ReadFile("/proc/self/task/" + task.Name() + "/children"); len(strings.TrimSpace(string(b))) > 0 {
			t.Errorf("there are child processes: %s", b)
		}
	}
}
