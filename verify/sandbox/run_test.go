package sandbox

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// nap is what stands for 7777 in the tests' scripts: a number of seconds by which
// the processes of this test run are known among those of others.
var nap = func() string {
	if n := os.Getenv("SANDBOX_TEST_NAP"); n != "" {
		return n
	}
	return "7" + strconv.Itoa(os.Getpid())
}()

// shell runs a script in a sandbox.
func shell(t *testing.T, r Request, script string) (*Result, string, error) {
	t.Helper()
	var out bytes.Buffer
	r.Path, r.Args = "/bin/sh", []string{"sh", "-c", strings.ReplaceAll(script, "7777", nap)}
	if r.OutDir == "" {
		r.OutDir = t.TempDir()
	}
	r.Stdout, r.Stderr = &out, &out
	res, err := Run(t.Context(), r)
	return res, strings.TrimSpace(out.String()), err
}

// says runs a script that has to succeed, and returns what it wrote.
func says(t *testing.T, r Request, script string) string {
	t.Helper()
	res, out, err := shell(t, r, script)
	if err != nil {
		t.Fatalf("%s: %v", script, err)
	}
	if !res.Succeeded() {
		t.Fatalf("%s: exit status %d %s %s\n%s", script, res.ExitCode, res.Signal, res.Why, out)
	}
	return out
}

var runLevels = []Level{None, Isolated}

func TestOutputAndStatus(t *testing.T) {
	for _, l := range runLevels {
		dir := t.TempDir()
		r := Request{Level: l, OutDir: dir}
		res, said, err := shell(t, r, `test ! -e "$out"; echo hello; echo world >"$out"; exit 0`)
		if err != nil {
			t.Fatal(l, err)
		}
		if !res.Succeeded() || said != "hello" {
			t.Errorf("%s: %+v, said %q", l, res, said)
		}
		if b, _ := os.ReadFile(res.Out); string(b) != "world\n" || res.Out != filepath.Join(dir, "out") {
			t.Errorf("%s: $out is %q at %q, problem %q", l, b, res.Out, res.Problem)
		}
		if names, _ := os.ReadDir(dir); len(names) != 1 {
			t.Errorf("%s: left in the output folder: %v", l, names)
		}
		res, _, err = shell(t, Request{Level: l}, `exit 7`)
		if err != nil || res.ExitCode != 7 || res.Out != "" {
			t.Errorf("%s: exit 7 gives %+v, %v", l, res, err)
		}
		res, _, err = shell(t, Request{Level: l}, `kill -TERM $$`)
		if err != nil || res.Signal != "SIGTERM" {
			t.Errorf("%s: SIGTERM gives %+v, %v", l, res, err)
		}
	}
}

func TestUser(t *testing.T) {
	var r Request
	r.World.User.Set, r.World.User.Name, r.World.User.Group = true, "alice", "staff2"
	r.World.User.UID, r.World.User.GID = 4242, 99
	if got := says(t, r, `id -un; id -u; id -gn; id -g; touch "$TMPDIR/f"; stat -c %U:%u:%G "$TMPDIR/f"`); got != "alice\n4242\nstaff2\n99\nalice:4242:staff2" {
		t.Errorf("the build's user is %q", got)
	}
}
