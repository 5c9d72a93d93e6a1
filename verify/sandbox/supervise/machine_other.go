//go:build !linux

package supervise

import (
	"context"
	"errors"
	"os"
	"runtime"
)

func missing() string { return "supervising processes is written for Linux, not for " + runtime.GOOS }

// Pair fails: there is no supervision here.
func Pair() (supervisor, build *os.File, err error) { return nil, nil, errors.New(missing()) }

// Prepare fails: there is no supervision here.
func Prepare(*os.File) error { return errors.New(missing()) }

// Run fails: there is no supervision here.
func Run(context.Context, Options) (Result, error) { return Result{}, errors.New(missing()) }
