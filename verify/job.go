package verify

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/reprodisk/reprodisk/build"
	"github.com/reprodisk/reprodisk/build/format"
	"github.com/reprodisk/reprodisk/build/spec"
	"github.com/reprodisk/reprodisk/internal/document"
	"github.com/reprodisk/reprodisk/internal/patherr"
	"github.com/reprodisk/reprodisk/verify/compare/digest"
)

// Program is a program to run.
type Program struct {
	Path string   // of the executable
	Args []string // with the program's name first
}

// job is a builder that can be run again and again.
type job struct {
	name    string // for messages
	program Program
	// args are the arguments of a run that writes to out.
	args func(out string) []string
	// own says that the builder is this program, building a spec.
	own bool
	// dir is the working folder; empty: the build folder.
	dir string
	// spec is the path of the spec, as it was given.
	spec string
	// specDigest is "sha256:…" of the spec's bytes.
	specDigest string
	// sources are files and folders that go into what is built.
	sources []string
	// image is the file of the output to compare; empty: all of the output.
	image string
	// beside are the other files of the output, which are compared as well.
	beside []string
	// plain makes a message of the run fit for whoever gave the job.
	plain func(message string) string
}

// called is the name of a run, for messages.
func (j *job) called(which string) string {
	switch {
	case !j.own:
		return which + " run of " + j.name
	case which == "check":
		return "rebuild"
	}
	return which + " build"
}

func specJob(path string, opt Options) (*job, error) {
	// Read here as well: a mistake in the spec is nothing to run a build for.
	text, err := document.Load(path, "spec")
	if err != nil {
		return nil, err
	}
	s, err := spec.Parse(path, text)
	if err != nil {
		return nil, err
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	p := opt.Builder
	if p == nil {
		self, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("find the running program: %w", err)
		}
		p = &Program{Path: self, Args: os.Args[:1]}
	}
	var beside []string
	if s.TouchEFIVars {
		beside = []string{build.VariablesName}
	}
	return &job{
		beside: beside, spec: path, specDigest: digest.Bytes(text), sources: append([]string{abs}, sources(s)...),
		name: "build", program: *p, own: true, image: format.FileName(format.Kind(s.Format)),
		args:  func(out string) []string { return []string{"build", "--quiet", "-o", out, "--", abs} },
		plain: unprefixed(abs, path),
	}, nil
}

func commandJob(argv []string) (*job, error) {
	if len(argv) == 0 {
		return nil, errors.New("no command was given")
	}
	path, err := lookPath(argv[0])
	if err != nil {
		return nil, err
	}
	dir, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("find the working folder: %w", err)
	}
	return &job{
		name: argv[0], program: Program{Path: path, Args: argv}, dir: dir,
		args: func(string) []string { return nil },
	}, nil
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
	return "", patherr.At(name, err)
}

// unprefixed makes a message of our own program one of ours: without its name,
// and with the spec's path as it was given.
func unprefixed(abs, given string) func(string) string {
	return func(line string) string {
		return strings.ReplaceAll(strings.TrimPrefix(line, "reprodisk: "), abs, given)
	}
}
