package build

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/build/guest/inside"
	"github.com/reprodisk/reprodisk/build/partition"
	"github.com/reprodisk/reprodisk/build/spec"
)

// jobVariable is the environment's variable that makes the test binary do one
// build, in a process of its own, instead of the tests.
const jobVariable = "REPRODISK_BUILD_JOB"

// task is one build in a process of its own: what a test cannot vary within its
// own process, such as the umask or the user.
type task struct {
	Spec, Out string
	Epoch     string // SOURCE_DATE_EPOCH
	Umask     int
	Host      string // a name for the host, in a namespace of its own
	Digest    bool
	Also      []string // more specs, built after it; of their images only digests stay
	Profile   string   // where to write a profile of the processor's time

	dir string   // working folder
	env []string // beside the test's own
	uid uint32   // 0: the test's own
}

// done is what a task has to say.
type done struct {
	Layout  partition.Layout
	Image   string
	Digest  string
	Also    []string // digests
	Seconds float64  // of Build alone
	Err     string

	peak int64 // bytes of memory at most
}

func TestMain(m *testing.M) {
	inside.Main() // a guest of the tests has this binary as its init
	if text := os.Getenv(jobVariable); text != "" {
		os.Exit(work(text))
	}
	os.Exit(m.Run())
}

func work(text string) int {
	var j task
	var d done
	err := json.Unmarshal([]byte(text), &j)
	if err == nil {
		err = d.do(j)
	}
	if err != nil {
		d.Err = err.Error()
	}
	if err := json.NewEncoder(os.Stdout).Encode(d); err != nil {
		return 2
	}
	return 0
}

func (d *done) do(j task) error {
	syscall.Umask(j.Umask)
	if j.Host != "" {
		if err := unix.Sethostname([]byte(j.Host)); err != nil {
			return err
		}
	}
	if j.Profile != "" {
		f, err := os.Create(j.Profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	start := time.Now()
	r, err := j.build(j.Spec, j.Out)
	if err != nil {
		return err
	}
	d.Layout, d.Image, d.Seconds = r.Layout, r.Image, time.Since(start).Seconds()
	if j.Digest {
		if d.Digest, err = meaning(r.Image); err != nil {
			return err
		}
	}
	for _, path := range j.Also {
		out := filepath.Join(j.Out, "also")
		r, err := j.build(path, out)
		if err != nil {
			return err
		}
		digest, err := meaning(r.Image)
		if err != nil {
			return err
		}
		d.Also = append(d.Also, digest)
		if err := os.RemoveAll(out); err != nil {
			return err
		}
	}
	return nil
}

func (j task) build(path, out string) (Result, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Result{}, err
	}
	s, err := spec.Parse(path, text)
	if err != nil {
		return Result{}, err
	}
	return Build(context.Background(), s, Options{OutDir: out, SourceDateEpoch: j.Epoch})
}

// run does a task, of the binary at the given path or of the test's own.
func (j task) run(t testing.TB, binary string) done {
	t.Helper()
	if binary == "" {
		var err error
		binary, err = os.Executable()
		must(t, err)
	}
	text, err := json.Marshal(j)
	must(t, err)
	cmd := exec.Command(binary)
	cmd.Dir = j.dir
	cmd.Env = append(os.Environ(), jobVariable+"="+string(text))
	cmd.Env = append(cmd.Env, j.env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	if j.uid != 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: j.uid, Gid: j.uid}
	}
	if j.Host != "" {
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUTS
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("a build in a process of its own: %v\n%s", err, stderr.String())
	}
	var d done
	if err := json.Unmarshal(stdout.Bytes(), &d); err != nil {
		t.Fatalf("a build in a process of its own says %q: %v", stdout.String(), err)
	}
	if s := strings.TrimSpace(stderr.String()); s != "" {
		t.Errorf("a build in a process of its own complains:\n%s", s)
	}
	d.peak = cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10
	return d
}

func (d done) check(t testing.TB) done {
	t.Helper()
	if d.Err != "" {
		t.Fatal(errors.New(d.Err))
	}
	return d
}

// meaning is a digest of what a file reads as: of its size and of every block
// that is not all zeros, with its place. Holes are passed over.
func meaning(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return digestOf(f)
}
