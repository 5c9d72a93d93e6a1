package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/reprodisk/reprodisk/internal/patherr"
)

// lastGasp is how long what a run has left may be under way when it has ended:
// its output to us, its end to the kernel. It takes a moment, on a busy machine a
// long one.
const lastGasp = 20 * time.Second

// Run runs a command and returns when it, every process that it has started,
// and every mount and folder of the sandbox are gone. An error is a sandbox
// that could not be made; what the command did is in the result. When ctx ends,
// the run does, with ctx's error. Run may be called from several goroutines at
// once.
func Run(ctx context.Context, r Request) (*Result, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if r.Level == VM {
		return runMachine(ctx, &r)
	}
	s := &session{req: &r, res: &Result{ExitCode: -1}}
	s.plan()
	if err := s.makeFolders(); err != nil {
		return nil, err
	}
	defer s.removeFolders()
	stdout, err := newSink(r.Stdout)
	if err != nil {
		return nil, err
	}
	defer stdout.end()
	stderr := stdout
	if r.Stderr != r.Stdout {
		if stderr, err = newSink(r.Stderr); err != nil {
			return nil, err
		}
		defer stderr.end()
	}
	s.stdout, s.stderr = stdout.w, stderr.w
	onThread(func() { err = s.run(ctx) })
	if errors.Is(err, errWithoutUserns) {
		s.plain = true
		onThread(func() { err = s.run(ctx) })
	}
	stdout.end()
	stderr.end()
	if e := ctx.Err(); e != nil {
		return nil, e
	}
	if err != nil {
		return nil, err
	}
	if s.found && s.res.Succeeded() && s.res.Problem == "" {
		if err := s.takeOut(); err != nil {
			return nil, err
		}
	}
	return s.res, nil
}

// takeOut puts the output into its place.
func (s *session) takeOut() error {
	out := filepath.Join(s.req.OutDir, "out")
	if s.orders.Disk {
		if err := os.Rename(filepath.Join(s.folder, "out"), out); err != nil {
			return patherr.At(out, err)
		}
	}
	s.res.Out = out
	return nil
}

// sink carries what the command writes to a writer.
type sink struct {
	r, w   *os.File
	copied chan struct{}
}

func newSink(to io.Writer) (*sink, error) {
	if to == nil {
		to = io.Discard
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("sandbox: no pipe: %w", err)
	}
	s := &sink{r: r, w: w, copied: make(chan struct{})}
	go func() {
		defer close(s.copied)
		io.Copy(to, r)
		io.Copy(io.Discard, r) // where the sink is gone, the run goes on
	}()
	return s, nil
}

// end waits until all is carried, but not for processes that have escaped.
func (s *sink) end() {
	if errors.Is(s.w.Close(), os.ErrClosed) {
		return
	}
	s.r.SetReadDeadline(time.Now().Add(lastGasp))
	<-s.copied
	s.r.Close()
}
