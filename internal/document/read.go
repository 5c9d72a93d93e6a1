package document

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/reprodisk/reprodisk/internal/patherr"
)

// Load is the text of a file, or as much of it as Read needs to refuse it. What
// it is called in messages is what: "spec".
func Load(path, what string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, patherr.At(path, err)
	}
	defer f.Close()
	if fi, err := f.Stat(); err == nil && fi.IsDir() {
		return nil, ErrorAt(Pos{File: path}, "is a folder; name the %s in it", what)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, patherr.At(path, err)
	}
	return data, nil
}

// Read reads a text into a mapping. The name is the file's, for messages, and
// tells the language; what the text is called there is what, and smallest is
// the smallest text there could be. Every error is an *Error.
func Read(name string, data []byte, what, smallest string) (Node, error) {
	if len(data) > maxSize {
		return Node{}, ErrorAt(Pos{File: name}, "longer than 1 MiB, which no %s is", what)
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	for off := 0; off < len(data); {
		r, n := utf8.DecodeRune(data[off:])
		if r == utf8.RuneError && n == 1 || r == 0 {
			line := 1 + bytes.Count(data[:off], []byte("\n"))
			return Node{}, ErrorAt(Pos{File: name, Line: line}, "byte %#02x at offset %d is not UTF-8 text", data[off], off)
		}
		off += n
	}
	root := Node{}
	var err error
	switch {
	case len(bytes.TrimSpace(data)) == 0:
	case strings.EqualFold(filepath.Ext(name), ".json") || json.Valid(data):
		root, err = readJSON(name, data, what)
	default:
		root, err = readYAML(name, data, what)
	}
	switch {
	case err != nil:
		return Node{}, err
	case root.Kind == Null:
		return Node{}, ErrorAt(Pos{File: name}, "is empty; the smallest %s is %s", what, smallest)
	case root.Kind != Map:
		return Node{}, ErrorAt(root.Pos, "a %s is a mapping of options, not %s", what, root.Kind)
	}
	return root, nil
}
