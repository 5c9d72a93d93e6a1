package verify

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/reprodisk/reprodisk/internal/patherr"
)

// writes tells whether a file of that name is one that the job, a spec's
// build, writes into its output folder.
func (j *job) writes(file string) bool {
	return j.image != "" && file == j.image || slices.Contains(j.beside, file)
}

// complete is an error where a folder is not an earlier output of the job, a
// spec's build: where a file is missing, or where folders are compared and
// there is one that the build would never write, and that would count as a
// difference.
func (j *job) complete(dir string) error {
	for _, file := range append([]string{j.image}, j.beside...) {
		if err := resultExists(filepath.Join(dir, file)); err != nil {
			return err
		}
	}
	if len(j.beside) == 0 {
		return nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return patherr.At(dir, err)
	}
	for _, e := range entries {
		if !j.writes(e.Name()) {
			return fmt.Errorf("%s: is no output of this spec; move it away, for the folder is compared as a whole", filepath.Join(dir, e.Name()))
		}
	}
	return nil
}
