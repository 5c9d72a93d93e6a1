package buildinfo

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// Limits of Read.
const (
	maxJSON  = 64 << 20
	maxItems = 1 << 16 // of a list
)

//go:embed schema.json
var schemaJSON []byte

// JSONSchema is the JSON Schema, draft 2020-12, of what Write writes.
func JSONSchema() []byte { return bytes.Clone(schemaJSON) }

// Write writes the evidence as indented JSON that ends in a newline.
func Write(w io.Writer, i *Info) error {
	c := *i
	c.Schema = Schema
	for n := range c.Builds {
		c.Builds[n].Log = strings.ToValidUTF8(c.Builds[n].Log, "\ufffd")
	}
	if c.Builds == nil {
		c.Builds = []Build{}
	}
	if c.Inputs == nil {
		c.Inputs = []Input{}
	}
	b, err := json.MarshalIndent(&c, "", "  ")
	if err != nil {
		return fmt.Errorf("evidence as JSON: %w", err)
	}
	_, err = w.Write(append(b, '\n'))
	return err
}

// Read reads what Write wrote. Names that it does not know are passed over.
func Read(r io.Reader) (*Info, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxJSON+1))
	switch {
	case err != nil:
		return nil, err
	case len(b) > maxJSON:
		return nil, fmt.Errorf("is larger than %d bytes", maxJSON)
	}
	var head struct {
		Schema string `json:"schema"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return nil, fmt.Errorf("is no evidence of builds: %w", err)
	}
	if head.Schema != Schema {
		return nil, fmt.Errorf("schema is %q, this program knows %q", head.Schema, Schema)
	}
	var i Info
	if err := json.Unmarshal(b, &i); err != nil {
		return nil, err
	}
	return &i, i.check()
}

// check refuses what could not have been written.
func (i *Info) check() error {
	switch {
	case len(i.Command) == 0 && i.Spec == "":
		return errors.New("has neither a command nor a spec")
	case len(i.Command) > 0 && i.Spec != "":
		return errors.New("has both a command and a spec")
	case len(i.Builds) > maxItems || len(i.Inputs) > maxItems || len(i.Command) > maxItems || len(i.VisibleInputs) > maxItems:
		return errors.New("has a list that is too long")
	}
	for _, path := range append([]string{i.Program, i.Dir, i.Spec}, i.VisibleInputs...) {
		if path != "" && path != "system" && !filepath.IsAbs(path) {
			return fmt.Errorf("%q is no absolute path", path)
		}
	}
	if i.Spec == "" && (i.Program == "" || i.Dir == "") {
		return errors.New("does not say which program ran, or where")
	}
	for _, s := range append([]string{i.Program, i.Dir, i.Spec}, i.Command...) {
		if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
			return fmt.Errorf("%q: has bytes that no path or argument can have", s)
		}
	}
	return nil
}
