// Package newdir makes folders so that they can be unmade: a command that
// fails leaves none behind that was not there before.
package newdir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/reprodisk/reprodisk/internal/patherr"
)

// Made are the folders that Make had to make.
type Made []string // the outermost first

// Make makes a folder and those above it that are missing. Where it fails, it
// leaves none of them.
func Make(dir string) (Made, error) {
	var missing []string
	for at := filepath.Clean(dir); ; at = filepath.Dir(at) {
		fi, err := os.Stat(at)
		if err == nil {
			if !fi.IsDir() {
				return nil, fmt.Errorf("%s: is a file, not a folder", at)
			}
			break
		}
		if !errors.Is(err, fs.ErrNotExist) || at == filepath.Dir(at) {
			return nil, patherr.At(at, err)
		}
		missing = append(missing, at)
	}
	var made Made
	for i := len(missing) - 1; i >= 0; i-- {
		err := os.Mkdir(missing[i], 0o777)
		if errors.Is(err, fs.ErrExist) {
			continue // somebody else made it meanwhile: theirs to remove
		}
		if err != nil {
			made.Undo()
			return nil, patherr.At(missing[i], err)
		}
		made = append(made, missing[i])
	}
	return made, nil
}

// Undo removes the folders that were made, as far as they are empty.
func (m Made) Undo() {
	for i := len(m) - 1; i >= 0; i-- {
		if os.Remove(m[i]) != nil {
			return
		}
	}
}
