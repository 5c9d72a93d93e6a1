// Package patherr words errors about files for people: "path: what is wrong",
// without the name of a system call.
package patherr

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// At says what is wrong with the file or folder of that name.
func At(path string, err error) error { return fmt.Errorf("%s: %w", path, Bare(err)) }

// Bare is an error of the system without the path that it carries, for
// messages that name another.
func Bare(err error) error {
	var pe *fs.PathError
	var le *os.LinkError
	var se *os.SyscallError
	switch {
	case errors.As(err, &pe):
		return pe.Err
	case errors.As(err, &le):
		return le.Err
	case errors.As(err, &se):
		return se.Err
	}
	return err
}
