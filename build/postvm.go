package build

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/reprodisk/reprodisk/build/spec"
	"github.com/reprodisk/reprodisk/internal/newdir"
	"github.com/reprodisk/reprodisk/internal/patherr"
)

// withPostVM builds into a folder of its own, beside where the image is to be,
// has postVM's shell code run there, and moves all that is there then to its
// place: what postVM leaves half done is not seen.
func withPostVM(ctx context.Context, s *spec.Spec, opt Options) (r Result, err error) {
	made, err := newdir.Make(opt.OutDir)
	if err != nil {
		return Result{}, err
	}
	defer func() {
		if err != nil {
			made.Undo()
		}
	}()
	dir, err := os.MkdirTemp(opt.OutDir, ".postVM-")
	if err != nil {
		return Result{}, patherr.At(opt.OutDir, err)
	}
	defer os.RemoveAll(dir)
	if dir, err = filepath.Abs(dir); err != nil {
		return Result{}, err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return Result{}, err
	}
	inner := opt
	inner.OutDir = dir
	if r, err = plain(ctx, s, inner); err != nil {
		return Result{}, named(err, dir, opt.OutDir)
	}
	opt.phase("postVM")
	if err := runPostVM(ctx, s, opt, r.Image, dir); err != nil {
		return Result{}, err
	}
	return moveOut(s, r, dir, opt.OutDir)
}

// named gives an error about a file in the folder of the build's own the name
// that the file was to have.
func named(err error, dir, out string) error {
	if text := err.Error(); strings.Contains(text, dir) && !errors.Is(err, context.Canceled) {
		return errors.New(strings.ReplaceAll(text, dir, out))
	}
	return err
}

// runPostVM runs the shell code with the variables that make-disk-image's has.
// It works in the caller's folder.
func runPostVM(ctx context.Context, s *spec.Spec, opt Options, image, out string) error {
	shell := []string{"bash", "-e", "-o", "pipefail", "-c"}
	if _, err := exec.LookPath(shell[0]); err != nil {
		shell = []string{"sh", "-e", "-c"}
	}
	cmd := exec.CommandContext(ctx, shell[0], append(shell[1:], s.PostVM)...)
	cmd.Env = append(os.Environ(), "diskImage="+image, "out="+out)
	last := &lastLine{to: opt.Output}
	cmd.Stdout, cmd.Stderr = last, last
	// With all that it has started: a background job must not write on.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 2 * time.Second
	err := cmd.Run()
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		text := err.Error()
		if said := last.String(); said != "" {
			text += ": " + said
		}
		return s.Errorf("postVM", "%s", text)
	}
	return nil
}

// moveOut moves what is in dir to the output folder, the image last.
func moveOut(s *spec.Spec, r Result, dir, out string) (Result, error) {
	entries, err := os.ReadDir(dir) // sorted
	if err != nil {
		return Result{}, patherr.At(out, err)
	}
	image, variables := filepath.Base(r.Image), filepath.Base(r.Variables)
	if r.Variables == "" {
		variables = ""
	}
	r.Image, r.Variables = "", ""
	var names []string
	last := ""
	for _, e := range entries {
		if e.Name() == image {
			last = image
			continue
		}
		names = append(names, e.Name())
	}
	if last != "" {
		names = append(names, last)
	}
	for _, name := range names {
		path := filepath.Join(out, name)
		if fi, err := os.Lstat(path); err == nil && fi.IsDir() {
			return Result{}, s.Errorf("postVM", "%s: is a folder, in the way of what was made", path)
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return Result{}, patherr.At(path, err)
		}
	}
	for _, name := range names {
		path := filepath.Join(out, name)
		if err := os.Rename(filepath.Join(dir, name), path); err != nil {
			return Result{}, patherr.At(path, err)
		}
		switch name {
		case image:
			r.Image = path
		case variables:
			r.Variables = path
		default:
			r.Also = append(r.Also, path)
		}
	}
	return r, nil
}

// lastLine passes output on, and keeps the last line that is not empty.
type lastLine struct {
	to   io.Writer // nil: nobody
	line []byte
	keep []byte
}

// maxLine bounds what is kept of a line, in bytes.
const maxLine = 300

func (l *lastLine) Write(b []byte) (int, error) {
	for _, c := range b {
		switch {
		case c == '\n':
			if len(bytes.TrimSpace(l.line)) > 0 {
				l.keep = append(l.keep[:0], l.line...)
			}
			l.line = l.line[:0]
		case len(l.line) < maxLine:
			l.line = append(l.line, c)
		}
	}
	if l.to == nil {
		return len(b), nil
	}
	return l.to.Write(b)
}

func (l *lastLine) String() string {
	if len(bytes.TrimSpace(l.line)) > 0 {
		return strings.TrimSpace(string(l.line))
	}
	return strings.TrimSpace(string(l.keep))
}
