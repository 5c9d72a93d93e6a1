//go:build linux && amd64

package supervise

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
)

// programs are testdata's, compiled once for all tests.
var programs struct {
	sync.Once
	dir string
	err error
}

// build returns the folder that holds ask, ask-static and goask.
func build(t testing.TB) string {
	t.Helper()
	gcc := judge.Tool(t, "gcc")
	programs.Do(func() {
		programs.dir, programs.err = os.MkdirTemp("", "supervise-test-*")
		if programs.err != nil {
			return
		}
		os.Chmod(programs.dir, 0o755) // another user runs them too
		for name, args := range map[string][]string{
			"ask":        {gcc, "-O2", "-w", "testdata/ask.c", "-pthread", "-lrt"},
			"ask-static": {gcc, "-O2", "-w", "-static", "testdata/ask.c", "-pthread", "-lrt"},
			"goask":      {"go", "build", "testdata/goask.go"},
		} {
			if name == "goask" {
				args = []string{"go", "build", "-o", filepath.Join(programs.dir, name), "testdata/goask.go"}
			} else {
				args = append(args, "-o", filepath.Join(programs.dir, name))
			}
			cmd := exec.Command(args[0], args[1:]...)
			cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
			if out, err := cmd.CombinedOutput(); err != nil {
				programs.err = &os.PathError{Op: string(out), Path: name, Err: err}
				return
			}
			os.Chmod(filepath.Join(programs.dir, name), 0o755) // whatever the umask
		}
	})
	if programs.err != nil {
		t.Fatal(programs.err)
	}
	return programs.dir
}

// asks are the C programs' paths, dynamic and static.
func asks(t testing.TB) []string {
	dir := build(t)
	return []string{filepath.Join(dir, "ask"), filepath.Join(dir, "ask-static")}
}
