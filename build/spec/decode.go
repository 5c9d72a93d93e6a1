package spec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// Load reads the spec in a file. Relative paths in it start from its folder.
func Load(path string) (*Spec, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, plain(path, err)
	}
	defer f.Close()
	if fi, err := f.Stat(); err == nil && fi.IsDir() {
		return nil, errorAt(Pos{File: path}, "is a folder; name the spec in it")
	}
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, plain(path, err)
	}
	return Parse(path, data)
}

// plain is an error of the system without Go's "open PATH: " before it.
func plain(path string, err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return fmt.Errorf("%s: %w", path, err)
}

// Parse reads a spec's text, with every default filled in and every assertion
// checked. The name is for messages, and its folder is where relative paths in
// the spec start. Every error is an *Error.
func Parse(name string, data []byte) (*Spec, error) {
	root, err := read(name, data)
	if err != nil {
		return nil, err
	}
	s := defaults(name)
	if err := s.decode(root); err != nil {
		return nil, err
	}
	s.settle()
	if err := s.check(); err != nil {
		return nil, err
	}
	return s, nil
}

func read(name string, data []byte) (node, error) {
	if len(data) > maxSize {
		return node{}, errorAt(Pos{File: name}, "longer than 1 MiB, which no spec is")
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	for off := 0; off < len(data); {
		r, n := utf8.DecodeRune(data[off:])
		if r == utf8.RuneError && n == 1 || r == 0 {
			line := 1 + bytes.Count(data[:off], []byte("\n"))
			return node{}, errorAt(Pos{File: name, Line: line}, "byte %#02x at offset %d is not UTF-8 text", data[off], off)
		}
		off += n
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return node{}, errorAt(Pos{File: name}, "is empty; the smallest spec is {}")
	}
	if strings.EqualFold(filepath.Ext(name), ".json") || json.Valid(data) {
		return readJSON(name, data)
	}
	return readYAML(name, data)
}

func (s *Spec) decode(root node) error {
	switch root.kind {
	case mapKind:
	case nullKind:
		return errorAt(Pos{File: s.file}, "is empty; the smallest spec is {}")
	default:
		return errorAt(root.pos, "a spec is a mapping of options, not %s", root.kind)
	}
	byName, names := map[string]option{}, []string{}
	for _, o := range options() {
		byName[o.name] = o
		names = append(names, o.name)
	}
	for _, p := range root.pairs {
		o, ok := byName[p.key]
		if !ok {
			return errorAt(p.pos, "unknown option %q%s", shorten(p.key), didYouMean(p.key, names))
		}
		if first, twice := s.at[p.key]; twice {
			return errorAt(p.pos, "%s is given twice, first in line %d", p.key, first.Line)
		}
		s.at[p.key] = p.pos
		if err := o.read(s, p.value); err != nil {
			e := err.(*Error)
			return errorAt(e.Pos, "%s: %s", p.key, e.Msg)
		}
	}
	return nil
}
