package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/reprodisk/reprodisk/internal/patherr"
)

// output is a file that appears whole or not at all. One that is no regular
// file (standard output, a device, a pipe) is written when all is known.
type output struct {
	name   string // as it was given
	path   string // of the file that is replaced; empty for one that is written to
	direct *os.File
	temp   *os.File
}

// openOutput makes sure that the file can be written, so that a long run does
// not fail at its end.
func openOutput(name string, stdout *os.File) (*output, error) {
	o := &output{name: name}
	switch name {
	case "":
		return nil, errors.New("the name of an output file is empty")
	case "-", "/dev/stdout":
		o.direct = stdout
		return o, nil
	}
	path := name
	if !strings.HasPrefix(path, "/dev/") && !strings.HasPrefix(path, "/proc/") {
		path = behindLinks(path)
		fi, err := os.Stat(path)
		switch {
		case err == nil && fi.IsDir():
			return nil, fmt.Errorf("%s: is a folder", name)
		case errors.Is(err, fs.ErrNotExist) || err == nil && fi.Mode().IsRegular():
			return o, o.beside(path)
		case err != nil:
			return nil, patherr.At(name, err)
		}
	}
	var err error
	if o.direct, err = os.OpenFile(path, os.O_WRONLY, 0); err != nil {
		return nil, patherr.At(name, err)
	}
	return o, nil
}

// behindLinks is the file that a link leads to, there or not: that is what is
// replaced, not the link.
func behindLinks(path string) string {
	for range 40 { // as many as Linux follows
		target, err := os.Readlink(path)
		if err != nil {
			break
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(path), target)
		}
		path = target
	}
	return path
}

// beside opens the hidden file that becomes the output.
func (o *output) beside(path string) error {
	dir, base := filepath.Split(path)
	for n := 0; ; n++ {
		f, err := os.OpenFile(fmt.Sprintf("%s.%s.%d-%d.tmp", dir, base, os.Getpid(), n), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return patherr.At(o.name, err)
		}
		o.path, o.temp = path, f
		return nil
	}
}

// write renders the output and puts it into its place.
func (o *output) write(render func(io.Writer) error) error {
	return o.stream(func(w io.Writer) error {
		if o.direct != nil {
			var whole bytes.Buffer
			if err := render(&whole); err != nil {
				return err
			}
			if _, err := w.Write(whole.Bytes()); err != nil {
				return o.broken(err)
			}
			return nil
		}
		out := bufio.NewWriterSize(w, 1<<16)
		err := render(out)
		if err == nil {
			err = out.Flush()
		}
		var failed *fs.PathError // of the file, through whatever the renderer made of it
		if errors.As(err, &failed) {
			return o.broken(err)
		}
		return err
	})
}

// stream is write for what is too large to be held first. Into what is no
// regular file goes what there is of it.
func (o *output) stream(render func(io.Writer) error) error {
	if o.direct != nil {
		return render(o.direct)
	}
	if err := render(o.temp); err != nil {
		return err
	}
	if err := o.temp.Sync(); err != nil {
		return o.broken(err)
	}
	if err := os.Rename(o.temp.Name(), o.path); err != nil {
		return o.broken(err)
	}
	err := o.temp.Close()
	o.temp = nil
	if err != nil {
		return o.broken(err)
	}
	return nil
}

func (o *output) broken(err error) error {
	name := o.name
	if name == "-" {
		name = "standard output"
	}
	return patherr.At(name, err)
}

// discard leaves nothing of an output that was not written.
func (o *output) discard() {
	if o.temp != nil {
		o.temp.Close()
		os.Remove(o.temp.Name())
		o.temp = nil
	}
}
