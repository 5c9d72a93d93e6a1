package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/pflag"

	"github.com/reprodisk/reprodisk/internal/patherr"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/report/ci"
)

// ciFlags are the forms of a report for a merge request.
type ciFlags struct {
	junit, sarif, gitlab, diffoscope string
	github                           bool
	source                           string

	given   *ci.Source // what --source names
	summary *os.File   // $GITHUB_STEP_SUMMARY, to append to
	room    int        // bytes that it may still take
}

func (f *ciFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.junit, "junit", "", "write JUnit XML to `FILE`: a case for each partition and layer")
	flags.StringVar(&f.sarif, "sarif", "", "write SARIF 2.1.0 to `FILE`")
	flags.StringVar(&f.gitlab, "gitlab", "", "write GitLab's code quality report to `FILE`")
	flags.BoolVar(&f.github, "github", false, "in a step of a GitHub workflow: append to the step's summary, and show\nfindings as annotations; beside the other forms")
	flags.StringVar(&f.source, "source", "", "show findings in SARIF, GitHub and GitLab at the lines of `FILE` that make\nthem, or at FILE:LINE; without it those of the spec, if verify has one")
	flags.StringVar(&f.diffoscope, "diffoscope-json", "", "write what diffoscope --load-existing-diff opens to `FILE`")
}

// maxSource is how long a source may be; a spec is at most as long.
const maxSource = 1 << 20

// open reads the source and opens the summary, so that a mistake is said
// before the work begins.
func (f *ciFlags) open(a *app, set *pflag.FlagSet) error {
	if set.Changed("source") {
		var err error
		if f.given, err = openSource(f.source); err != nil {
			return fmt.Errorf("--source: %w", err)
		}
	}
	if !f.github {
		return nil
	}
	name := os.Getenv("GITHUB_STEP_SUMMARY")
	if os.Getenv("GITHUB_ACTIONS") != "true" || name == "" {
		return errors.New("--github: this is no step of a GitHub workflow: GITHUB_ACTIONS is not true, or GITHUB_STEP_SUMMARY is not set")
	}
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE|syscall.O_NONBLOCK, 0o666)
	if err != nil {
		return fmt.Errorf("--github: GITHUB_STEP_SUMMARY: %w", patherr.At(name, err))
	}
	fi, err := file.Stat()
	if err == nil && !fi.Mode().IsRegular() {
		err = errors.New("is no regular file")
	}
	if err != nil {
		file.Close()
		return fmt.Errorf("--github: GITHUB_STEP_SUMMARY: %w", patherr.At(name, err))
	}
	f.summary, f.room = file, int(max(0, ci.MaxSummary-fi.Size()))
	return nil
}

func (f *ciFlags) close() {
	if f.summary != nil {
		f.summary.Close()
		f.summary = nil
	}
}

// openSource reads what --source names: FILE, or FILE:LINE.
func openSource(name string) (*ci.Source, error) {
	path, line := name, 0
	if i := strings.LastIndexByte(name, ':'); i > 0 {
		if n, err := strconv.Atoi(name[i+1:]); err == nil {
			if n < 1 {
				return nil, fmt.Errorf("%s: lines are counted from 1", name)
			}
			path, line = name[:i], n
		}
	}
	text, err := readSource(path)
	switch {
	case err != nil:
		return nil, err
	case line > 0:
		return ci.NewSourceAt(inRepository(path), line), nil
	}
	return ci.NewSource(inRepository(path), text), nil
}

// readSource reads a regular file that is not too long.
func readSource(path string) ([]byte, error) {
	if path == "" {
		return nil, errors.New("the name of the file is empty")
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, patherr.At(path, err)
	}
	defer f.Close()
	fi, err := f.Stat()
	switch {
	case err != nil:
		return nil, patherr.At(path, err)
	case !fi.Mode().IsRegular():
		return nil, fmt.Errorf("%s: is no regular file", path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSource+1))
	switch {
	case err != nil:
		return nil, patherr.At(path, err)
	case len(text) > maxSource:
		return nil, fmt.Errorf("%s: is longer than %d bytes", path, maxSource)
	}
	return text, nil
}

// inRepository is a path relative to the repository that CI has checked out,
// or to the working folder, as forges name files. One outside stays as it is.
func inRepository(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	jenkins := ""
	if os.Getenv("JENKINS_URL") != "" {
		jenkins = os.Getenv("WORKSPACE") // a name that others use as well
	}
	for _, root := range []string{os.Getenv("GITHUB_WORKSPACE"), os.Getenv("CI_PROJECT_DIR"), jenkins, "."} {
		if root == "" {
			continue
		}
		if root, err = filepath.Abs(root); err != nil {
			continue
		}
		if rel, err := filepath.Rel(root, abs); err == nil && filepath.IsLocal(rel) {
			return filepath.ToSlash(rel)
		}
	}
	return path
}

// sourceOf is the source of a report: what --source names, or the spec that
// the report says it is of, if that lies here and has not changed.
func (f *ciFlags) sourceOf(r *report.Report) *ci.Source {
	if f.given != nil || r.Verification == nil || r.Verification.Spec == "" {
		return f.given
	}
	name := inRepository(r.Verification.Spec)
	if !filepath.IsLocal(name) {
		return nil // a saved report may name any file
	}
	text, err := readSource(r.Verification.Spec)
	if err != nil || r.Verification.SpecDigest != "" && r.Verification.SpecDigest != digestOf(text) {
		return ci.NewSourceAt(name, 1)
	}
	return ci.NewSource(name, text)
}

func digestOf(text []byte) string {
	sum := sha256.Sum256(text)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// forms are the files that the flags ask for.
func (f *ciFlags) forms() []reportForm {
	at := func(write func(io.Writer, *report.Report, *ci.Source) error) func(*output) renderer {
		return func(*output) renderer {
			return func(w io.Writer, r *report.Report) error { return write(w, r, f.sourceOf(r)) }
		}
	}
	plain := func(write renderer) func(*output) renderer { return func(*output) renderer { return write } }
	return []reportForm{
		{"junit", f.junit, plain(ci.WriteJUnit)},
		{"sarif", f.sarif, at(ci.WriteSARIF)},
		{"gitlab", f.gitlab, at(ci.WriteGitLab)},
		{"diffoscope-json", f.diffoscope, plain(ci.WriteDiffoscope)},
	}
}

// write appends to the step's summary and prints the annotations, where
// --github asks for them.
func (f *ciFlags) write(a *app, r *report.Report, rows int) error {
	if !f.github {
		return nil
	}
	var text strings.Builder
	if err := ci.WriteSummary(&text, r, f.room, rows); err != nil {
		a.warn("--github: " + err.Error()) // the annotations tell the outcome as well
	}
	if _, err := f.summary.WriteString(text.String()); err != nil {
		return fmt.Errorf("--github: %w", patherr.At(f.summary.Name(), err))
	}
	return ci.WriteAnnotations(a.stdout, r, f.sourceOf(r))
}

// muted keeps GitHub's runner from taking a line for a command: names in a
// report are anybody's, and the runner obeys whatever begins with "::".
func muted(render renderer) renderer {
	return func(w io.Writer, r *report.Report) error {
		token := make([]byte, 16)
		rand.Read(token)
		end := hex.EncodeToString(token)
		if _, err := fmt.Fprintf(w, "::stop-commands::%s\n", end); err != nil {
			return err
		}
		if err := render(w, r); err != nil {
			return err
		}
		_, err := fmt.Fprintf(w, "\n::%s::\n", end)
		return err
	}
}
