package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	grace    = 3 * time.Second // between asking an interrupted run to end and killing it
	lastGasp = time.Second     // for output that is still under way when a run has ended
)

// BuildError is a run that failed.
type BuildError struct {
	Run  string // which one: "first build", "second run of sh"
	Why  string // one line
	Tail string // the end of what it wrote, where nobody else was told
}

func (e *BuildError) Error() string { return e.Run + ": " + e.Why }

// run runs the job once, in a process group of its own, and returns where it
// wrote.
func (w *work) run(ctx context.Context, j *job, which string, opt Options) (out string, err error) {
	if opt.Progress != nil {
		opt.Progress(j.called(which), 0, 0)
	}
	dir := filepath.Join(w.dir, which)
	out = filepath.Join(dir, "out")
	tmp, cwd := filepath.Join(dir, "tmp"), filepath.Join(dir, "cwd")
	for _, d := range []string{dir, tmp, cwd} {
		if err := os.Mkdir(d, 0o700); err != nil {
			return "", pathError(d, err)
		}
	}
	cmd := &exec.Cmd{
		Path: j.program.Path,
		Args: append(append([]string{}, j.program.Args...), j.args(out)...),
		Env:  environment(out, tmp),
		// A group of its own can be ended as a whole, and the terminal's Ctrl-C
		// does not reach it before us.
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true},
	}
	if j.own {
		cmd.Dir = cwd
		cmd.Env = append(cmd.Env, "PWD="+cwd)
	}
	keep := &tail{}
	sink := io.Writer(keep)
	if !j.own && opt.Output != nil {
		sink = io.MultiWriter(keep, opt.Output)
	}
	state, err := execute(ctx, cmd, sink)
	if err != nil {
		return "", err
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	fail := func(format string, args ...any) error {
		e := &BuildError{Run: j.called(which), Why: fmt.Sprintf(format, args...)}
		if opt.Output == nil {
			e.Tail = keep.text()
		}
		return e
	}
	if !state.Success() {
		if line := keep.lastLine(); j.plain != nil && state.Exited() && line != "" {
			if w.out != "" {
				line = strings.ReplaceAll(line, out, w.out) // the folder meant, not the one beside it
			}
			if which == "second" {
				return "", fmt.Errorf("the first build succeeded, the second did not: %s", j.plain(line))
			}
			return "", errors.New(j.plain(line))
		}
		return "", fail("%s", state)
	}
	if j.own && opt.Output != nil && which != "second" {
		io.WriteString(opt.Output, keep.text()) // warnings: those of one build are enough
	}
	return out, checkOutput(out, j, fail)
}

// checkOutput refuses what cannot be compared.
func checkOutput(out string, j *job, fail func(string, ...any) error) error {
	fi, err := os.Lstat(out)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fail("it wrote nothing to $out")
	case err != nil:
		return pathError(out, err)
	case fi.Mode().Type() == fs.ModeSymlink:
		// Two links to one file would always agree.
		return fail("$out is a symbolic link; copy the image there")
	case !fi.IsDir() && !fi.Mode().IsRegular():
		return fail("$out is neither a file nor a folder")
	case fi.Mode().IsRegular() && fi.Size() == 0:
		return fail("it wrote an empty file to $out")
	case fi.IsDir():
		entries, err := os.ReadDir(out)
		if err != nil {
			return pathError(out, err)
		}
		if len(entries) == 0 {
			return fail("it left the folder $out empty")
		}
	}
	for _, file := range append([]string{j.image}, j.beside...) {
		if _, err := os.Lstat(filepath.Join(out, file)); err != nil {
			return fail("it wrote no %s", file)
		}
	}
	return nil
}

// environment is the caller's, with the output's place and temporary folders of
// the run's own.
func environment(out, tmp string) []string {
	own := []string{"out=" + out, "TMPDIR=" + tmp, "TEMPDIR=" + tmp, "TMP=" + tmp, "TEMP=" + tmp}
	return append(os.Environ(), own...) // of equal names, the last counts
}

// execute runs a command to its end, or until ctx ends it, and then ends
// whatever is left of its process group. An error is a failure to start.
func execute(ctx context.Context, cmd *exec.Cmd, sink io.Writer) (*os.ProcessState, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", cmd.Path, err)
	}
	defer r.Close()
	cmd.Stdout, cmd.Stderr = w, w
	err = cmd.Start()
	w.Close()
	if err != nil {
		return nil, pathError(cmd.Path, err)
	}
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		io.Copy(sink, r)
		io.Copy(io.Discard, r) // where the sink is gone, the run goes on
	}()
	group := -cmd.Process.Pid
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		// Not reaped yet: until then no other group can have its number.
		for unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
		}
	}()
	select {
	case <-ended:
	case <-ctx.Done():
		syscall.Kill(group, syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(grace):
		}
	}
	syscall.Kill(group, syscall.SIGKILL)
	<-ended
	cmd.Wait() // its error is the state's
	r.SetReadDeadline(time.Now().Add(lastGasp))
	<-copied
	return cmd.ProcessState, nil
}

// lookPath finds a command's executable.
func lookPath(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil {
		return filepath.Abs(path)
	}
	var ee *exec.Error
	if errors.As(err, &ee) {
		err = ee.Err
	}
	if errors.Is(err, exec.ErrNotFound) {
		return "", fmt.Errorf("%s: command not found", name)
	}
	return "", pathError(name, err)
}

// unprefixed makes a message of our own program one of ours: without its name,
// and with the spec's path as it was given.
func unprefixed(abs, given string) func(string) string {
	return func(line string) string {
		return strings.ReplaceAll(strings.TrimPrefix(line, "reprodisk: "), abs, given)
	}
}

// pathError says "path: what is wrong" without naming the system call.
func pathError(path string, err error) error {
	var pe *fs.PathError
	var le *os.LinkError
	switch {
	case errors.As(err, &pe):
		err = pe.Err
	case errors.As(err, &le):
		err = le.Err
	}
	return fmt.Errorf("%s: %w", path, err)
}
