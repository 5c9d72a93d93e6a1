package verify

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/reprodisk/reprodisk/internal/newdir"
	"github.com/reprodisk/reprodisk/internal/patherr"
	"github.com/reprodisk/reprodisk/report"
)

// work is the folder in which runs write, until their outputs are kept or
// removed.
type work struct {
	dir  string // absolute
	out  string // where the first output goes; empty where none is kept
	made newdir.Made
}

// newWork makes a folder: beside out, so that an output is kept by renaming
// it, or among the temporary ones.
func newWork(out string) (*work, error) {
	w := &work{}
	parent, pattern := "", "reprodisk-verify-*"
	if out != "" {
		abs, err := filepath.Abs(out)
		if err != nil {
			return nil, patherr.At(out, err)
		}
		w.out = out
		parent, pattern = filepath.Dir(abs), "."+filepath.Base(abs)+".verify-*"
		if w.made, err = newdir.Make(parent); err != nil {
			return nil, err
		}
	}
	dir, err := os.MkdirTemp(parent, pattern)
	if err != nil {
		w.made.Undo()
		if parent == "" {
			parent = os.TempDir()
		}
		return nil, patherr.At(parent, err)
	}
	if w.dir, err = filepath.Abs(dir); err != nil {
		w.remove()
		return nil, patherr.At(dir, err)
	}
	return w, nil
}

// remove removes the folder.
func (w *work) remove() {
	removeAll(w.dir)
	w.made.Undo() // none that holds a kept output
}

// removeAll removes a folder, read-only folders in it included.
func removeAll(dir string) {
	if os.RemoveAll(dir) == nil {
		return
	}
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			os.Chmod(path, 0o700)
		}
		return nil
	})
	os.RemoveAll(dir)
}

// allocated is how many bytes of storage an output takes, holes left out.
func allocated(path string) int64 {
	var sum int64
	filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		if fi, err := d.Info(); err == nil {
			if st, ok := fi.Sys().(*syscall.Stat_t); ok {
				sum += st.Blocks * 512
			}
		}
		return nil
	})
	return sum
}

// mayKeep refuses, before any work, to put an output in the place of something
// else: only an empty folder or an earlier image of the same builder gives way.
func (w *work) mayKeep(j *job) error {
	if w.out == "" {
		return nil
	}
	if err := replaces(evidencePlace(w.out)); err != nil {
		return err
	}
	fi, err := os.Lstat(w.out)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return patherr.At(w.out, err)
	}
	if fi.IsDir() {
		entries, err := os.ReadDir(w.out)
		if err != nil {
			return patherr.At(w.out, err)
		}
		if !slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return !j.writes(e.Name()) }) {
			return nil
		}
	}
	return fmt.Errorf("%s: exists already and is not replaced: remove it, or choose another place with -o", w.out)
}

// keep moves an output to its place. What was there is moved away, to be
// removed with the work folder.
func (w *work) keep(output, place string) error {
	old, err := w.moveAway(place)
	if err != nil {
		return err
	}
	if err := os.Rename(output, place); err != nil {
		if old != "" {
			os.Rename(old, place)
		}
		return patherr.At(place, err)
	}
	return nil
}

// moveAway moves what is at a place into the work folder, and tells where; ""
// where nothing was.
func (w *work) moveAway(place string) (string, error) {
	old := filepath.Join(w.dir, "old "+filepath.Base(place))
	err := os.Rename(place, old)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	case err != nil:
		return "", patherr.At(place, err)
	}
	return old, nil
}

// keepCheck keeps an output that differs as PLACE.check and tells where; of one
// that does not, and of an older PLACE.check, nothing stays.
func (w *work) keepCheck(r *report.Report, output, place string) (string, error) {
	check := filepath.Clean(place) + ".check"
	if r.Verdict == report.Reproducible {
		_, err := w.moveAway(check)
		return "", err
	}
	return check, w.keep(output, check)
}

// resultExists refuses to rebuild for nothing.
func resultExists(path string) error {
	if _, err := os.Stat(path); err != nil {
		return patherr.At(path, err)
	}
	return nil
}
