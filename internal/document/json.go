package document

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"
)

// readJSON reads one JSON value into a node. It goes token by token, because
// encoding/json's own decoding neither sees a repeated key nor keeps the text
// of a number or its place.
func readJSON(file string, data []byte, what string) (Node, error) {
	j := &jsonReader{file: file, data: data, dec: json.NewDecoder(bytes.NewReader(data)), line: 1, col: 1}
	j.dec.UseNumber()
	n, err := j.value(0)
	if err == nil {
		if _, at, err := j.next(); !errors.Is(err, io.EOF) {
			return n, ErrorAt(at, "a second document: a %s is one document", what)
		}
		return n, nil
	}
	var own *Error
	if errors.As(err, &own) {
		return n, err
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return n, ErrorAt(j.at(int64(len(data))), "the text ends in the middle of a value")
	}
	return n, ErrorAt(j.at(j.token), "%s", oneLine(err.Error()))
}

type jsonReader struct {
	file string
	data []byte
	dec  *json.Decoder

	off       int64 // how far lines and characters were counted
	line, col int   // there
	token     int64 // where the last token starts
}

// next is the next token and where it starts.
func (j *jsonReader) next() (json.Token, Pos, error) {
	off := j.dec.InputOffset()
	for off < int64(len(j.data)) && bytes.IndexByte([]byte(" \t\r\n,:"), j.data[off]) >= 0 {
		off++
	}
	at := j.at(off)
	j.token = off
	tok, err := j.dec.Token()
	return tok, at, err
}

// at is the place of a byte. Places are asked for in rising order.
func (j *jsonReader) at(off int64) Pos {
	if off < j.off {
		j.off, j.line, j.col = 0, 1, 1
	}
	for ; j.off < off; j.off++ {
		switch b := j.data[j.off]; {
		case b == '\n':
			j.line++
			j.col = 1
		case utf8.RuneStart(b):
			j.col++
		}
	}
	return Pos{File: j.file, Line: j.line, Col: j.col}
}

func (j *jsonReader) value(depth int) (Node, error) {
	tok, at, err := j.next()
	if err != nil {
		return Node{}, err
	}
	n := Node{Pos: at}
	if depth > maxDepth {
		return n, ErrorAt(at, "nested deeper than %d levels", maxDepth)
	}
	switch tok := tok.(type) {
	case nil:
	case bool:
		n.Kind, n.Text = Bool, "false"
		if tok {
			n.Text = "true"
		}
	case json.Number:
		n.Kind, n.Text = Number, tok.String()
	case string:
		n.Kind, n.Text = Text, tok
	case json.Delim:
		if tok == '[' {
			n.Kind = List
			for j.dec.More() {
				item, err := j.value(depth + 1)
				if err != nil {
					return n, err
				}
				n.Items = append(n.Items, item)
			}
		} else {
			n.Kind = Map
			for j.dec.More() {
				key, keyAt, err := j.next()
				if err != nil {
					return n, err
				}
				name, _ := key.(string)
				value, err := j.value(depth + 1)
				if err != nil {
					return n, err
				}
				n.Pairs = append(n.Pairs, Pair{Key: name, Pos: keyAt, Value: value})
			}
		}
		_, _, err = j.next() // the closing bracket
	}
	return n, err
}
