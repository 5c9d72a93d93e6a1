package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/build/guest/inside"
	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/sandbox"
)

func TestMain(m *testing.M) {
	inside.Main()
	sandbox.Main()
	// The stories mostly wait for a clock to move on: more of them can do so at
	// the same time than there are processors.
	flag.Set("test.parallel", "8")
	testscript.Main(m, map[string]func(){"reprodisk": main, hookName: main})
}

// TestScripts runs the stories of testdata/script. Each runs the program as a
// user does, in an empty folder that holds the story's files.
func TestScripts(t *testing.T) {
	sample, err := filepath.Abs("../../testdata")
	if err != nil {
		t.Fatal(err)
	}
	umask := syscall.Umask(0o022) // which some stories look at
	t.Cleanup(func() { syscall.Umask(umask) })
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("SAMPLE", sample)
			env.Setenv("TMPDIR", filepath.Join(env.WorkDir, "tmp"))
			env.Setenv("PATH", env.Getenv("PATH")+":/usr/sbin:/sbin")
			return os.MkdirAll(filepath.Join(env.WorkDir, "tmp"), 0o777)
		},
		Condition: func(cond string) (bool, error) {
			if tool, ok := strings.CutPrefix(cond, "tool:"); ok {
				return hasTool(tool)
			}
			if cond == "root" {
				return os.Geteuid() == 0, nil
			}
			return false, fmt.Errorf("there is no condition %q", cond)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status": status, "signalled": signalled, "lines": lines, "nothing": nothing,
			"smalldisk": smallDisk, "valid": valid,
		},
	})
}

// hasTool tells whether a tool is there. Where `make test` has installed them
// all, a missing one is an error.
func hasTool(name string) (bool, error) {
	pkg, ok := judge.Packages[name]
	if !ok {
		return false, fmt.Errorf("%s is not in judge.Packages", name)
	}
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/sbin") {
		if fi, err := os.Stat(filepath.Join(dir, name)); err == nil && fi.Mode()&0o111 != 0 {
			return true, nil
		}
	}
	if os.Getenv("CI") != "" {
		return false, fmt.Errorf("%s is missing: apt-get install %s", name, pkg)
	}
	return false, nil
}

// command is the program with its arguments, as a script's exec would run it.
func command(ts *testscript.TestScript, args []string) *exec.Cmd {
	path := args[0]
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if _, err := os.Stat(filepath.Join(dir, args[0])); err == nil {
			path = filepath.Join(dir, args[0])
			break
		}
	}
	cmd := exec.Command(path, args[1:]...)
	cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{"PATH", "TMPDIR", "HOME", "WORK", "SAMPLE", "SOURCE_DATE_EPOCH"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	return cmd
}

// status runs a command and checks its exit status, and that a failure is one
// line that begins with the program's name: status 2 reprodisk diff a b. What
// it wrote goes to the files out.txt and err.txt.
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N COMMAND …")
	}
	cmd := command(ts, args[1:])
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		ts.Fatalf("%v", err)
	}
	ts.Logf("%s\n%s%s", strings.Join(args, " "), stdout.String(), stderr.String())
	ts.Check(os.WriteFile(ts.MkAbs("out.txt"), []byte(stdout.String()), 0o666))
	ts.Check(os.WriteFile(ts.MkAbs("err.txt"), []byte(stderr.String()), 0o666))
	if got := strconv.Itoa(cmd.ProcessState.ExitCode()); got != args[0] {
		ts.Fatalf("exit status %s, want %s", got, args[0])
	}
	if args[0] == "2" && (strings.Count(stderr.String(), "\n") != 1 || !strings.HasPrefix(stderr.String(), "reprodisk: ")) {
		ts.Fatalf("trouble is not one line: %q", stderr.String())
	}
}

// heard is what a command that still runs has said.
type heard struct {
	mu  sync.Mutex
	all strings.Builder
}

func (h *heard) Write(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.all.Write(b)
}

func (h *heard) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.all.String()
}

// signalled starts a command, waits for a file to appear, or for a text on
// standard error, sends a signal, and checks the exit status:
// signalled INT 130 started reprodisk verify …, signalled INT 130 stderr:begun ….
func signalled(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 {
		ts.Fatalf("usage: signalled SIGNAL STATUS FILE COMMAND …")
	}
	cmd := command(ts, args[3:])
	var stderr heard
	cmd.Stderr = &stderr
	ts.Check(cmd.Start())
	text, isText := strings.CutPrefix(args[2], "stderr:")
	for until := time.Now().Add(2 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if isText && strings.Contains(stderr.String(), text) {
			break
		}
		if matches, _ := filepath.Glob(ts.MkAbs(args[2])); !isText && len(matches) > 0 {
			break
		}
		if time.Now().After(until) {
			cmd.Process.Kill()
			cmd.Wait()
			ts.Fatalf("%s did not appear:\n%s", args[2], stderr.String())
		}
	}
	ts.Check(cmd.Process.Signal(unix.SignalNum("SIG" + args[0])))
	cmd.Wait()
	ts.Logf("%s", stderr.String())
	if got := strconv.Itoa(cmd.ProcessState.ExitCode()); got != args[1] {
		ts.Fatalf("exit status %s, want %s", got, args[1])
	}
}

// lines checks how many lines a file has: lines 1 err.txt.
func lines(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: lines N FILE")
	}
	if got := strings.Count(ts.ReadFile(args[1]), "\n"); strconv.Itoa(got) != args[0] {
		ts.Fatalf("%s has %d lines, want %s", args[1], got, args[0])
	}
}

// nothing checks that folders are empty, hidden files counted, or not there.
func nothing(ts *testscript.TestScript, neg bool, args []string) {
	for _, dir := range args {
		entries, err := os.ReadDir(ts.MkAbs(dir))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			ts.Fatalf("%v", err)
		}
		for _, e := range entries {
			ts.Fatalf("%s holds %s", dir, e.Name())
		}
	}
}

// valid checks that files hold JSON that follows the report's schema.
func valid(ts *testscript.TestScript, neg bool, args []string) {
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(report.JSONSchema()))
	ts.Check(err)
	c := jsonschema.NewCompiler()
	ts.Check(c.AddResource("schema.json", schema))
	s, err := c.Compile("schema.json")
	ts.Check(err)
	for _, file := range args {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(ts.ReadFile(file)))
		ts.Check(err)
		if err := s.Validate(v); err != nil {
			ts.Fatalf("%s: %v", file, err)
		}
	}
}

// smallDisk mounts a filesystem of that many KiB: smalldisk DIR 64.
func smallDisk(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: smalldisk DIR KIB")
	}
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o777))
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+args[1]+"k"); err != nil {
		ts.Fatalf("mount: %v", err)
	}
	ts.Defer(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
}
