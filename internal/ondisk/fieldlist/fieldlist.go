// Package fieldlist makes a list of container.Field out of a structure that is
// declared with field.Layout: every field of it, in on-disk order, with what a
// format knows about single ones.
package fieldlist

import (
	"bytes"
	"crypto/sha256"
	"fmt"

	"github.com/reprodisk/reprodisk/internal/ondisk/container"
	"github.com/reprodisk/reprodisk/internal/ondisk/field"
)

// Note is what a format knows about a field beside its place and kind. Its
// members are those of container.Field.
type Note struct {
	Sort    string
	Remedy  string
	Derived []string
	// Show renders the raw bytes where the field's kind does not do; may be nil.
	Show func(raw []byte) string
}

// Notes maps the name of a field to what is known about it.
type Notes map[string]Note

// longest is the length in bytes of a value that is shown in full.
const longest = 80

// Of lists the fields of the structure raw, which lies at byte at of the file.
// Fields behind raw's end are left out.
func Of(fields []field.Field, raw []byte, at int64, structure string, notes Notes) []container.Field {
	var out []container.Field
	for _, f := range fields {
		b := f.Slice(raw)
		if len(b) < f.Length {
			break
		}
		n := notes[f.Name]
		show := f.Show
		if n.Show != nil {
			show = n.Show
		}
		out = append(out, container.Field{
			Structure: structure,
			Name:      f.Name,
			Value:     shorten(show(b), b),
			Offset:    at + int64(f.Offset),
			Length:    int64(f.Length),
			Derived:   n.Derived,
			Sort:      n.Sort,
			Remedy:    n.Remedy,
		})
	}
	return out
}

// shorten replaces what is too long to read by what tells it from others.
func shorten(value string, raw []byte) string {
	if len(raw) > 16 && len(bytes.TrimRight(raw, "\x00")) == 0 {
		return ""
	}
	if len(value) <= longest {
		return value
	}
	return Digest(raw)
}

// Digest stands for bytes that are too many to show: their number and the
// first 8 bytes of their SHA-256.
func Digest(raw []byte) string {
	sum := sha256.Sum256(raw)
	return fmt.Sprintf("%d bytes, sha256 %x…", len(raw), sum[:8])
}
