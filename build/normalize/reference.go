package normalize

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/reprodisk/reprodisk/internal/tree"
)

// maxText is the largest file in which identifiers are replaced, in bytes.
const maxText = 1 << 20

// references replaces old identifiers in the texts that name them: fstab, the
// entries of boot loaders. Old and new are equally long, so that files keep
// their size.
type references struct {
	new    map[string]string // by the old one, in lower and in upper case
	dashes []int             // places of the first dash in the old ones
	plain  []string          // old ones without a dash
}

// add tells of an identifier, in every case it is written in.
func (r *references) add(id namedID, to string) {
	for _, convert := range []func(string) string{strings.ToLower, strings.ToUpper} {
		from := convert(id.text)
		if _, ok := r.new[from]; ok || len(from) != len(to) {
			continue
		}
		r.new[from] = convert(to)
		switch dash := strings.IndexByte(from, '-'); {
		case dash < 0:
			r.plain = append(r.plain, from)
		case !slices.Contains(r.dashes, dash):
			r.dashes = append(r.dashes, dash)
		}
	}
}

// isText tells whether identifiers may be replaced in a file.
func isText(b []byte) bool { return utf8.Valid(b) && bytes.IndexByte(b, 0) < 0 }

// each calls visit for every old identifier that stands in b by itself.
func (r *references) each(b []byte, visit func(at int, old string)) {
	tell := func(at, n int) {
		if at < 0 || at+n > len(b) || joins(b, at-1) || joins(b, at+n) {
			return
		}
		if _, ok := r.new[string(b[at:at+n])]; ok {
			visit(at, string(b[at:at+n]))
		}
	}
	// Nearly all of a disk is no identifier: only what a dash stands in is
	// looked at.
	for at := 0; len(r.dashes) > 0; at++ {
		i := bytes.IndexByte(b[at:], '-')
		if i < 0 {
			break
		}
		at += i
		for _, dash := range r.dashes {
			tell(at-dash, lengths[dash])
		}
	}
	for _, old := range r.plain {
		for at := 0; ; at++ {
			i := bytes.Index(b[at:], []byte(old))
			if i < 0 {
				break
			}
			at += i
			tell(at, len(old))
		}
	}
}

// lengths of identifiers by the place of their first dash.
var lengths = map[int]int{8: len("01234567-0123-0123-0123-0123456789ab"), 4: len("0123-4567")}

// joins tells whether the byte at i would make a longer word of what stands
// beside it.
func joins(b []byte, i int) bool {
	if i < 0 || i >= len(b) {
		return false
	}
	c := b[i]
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// replace puts new identifiers in the place of old ones. mask puts zeros there
// instead, so that what is digested does not depend on them.
func (r *references) replace(b []byte, mask bool) (found bool) {
	type place struct {
		at  int
		old string
	}
	var places []place
	r.each(b, func(at int, old string) { places = append(places, place{at, old}) })
	for _, p := range places {
		text := r.new[p.old]
		if mask {
			text = strings.Repeat("0", len(p.old))
		}
		copy(b[p.at:], text)
	}
	return len(places) > 0
}

// renamed is a text file's content with new identifiers.
type renamed struct {
	tree.Content
	size int64
	refs *references
}

// Open reads the file anew: texts are small, but there may be many.
func (c renamed) Open() (tree.Reader, error) {
	b, err := readText(c.Content, c.size)
	if err != nil {
		return nil, err
	}
	c.refs.replace(b, false)
	return textReader{bytes.NewReader(b)}, nil
}

type textReader struct{ *bytes.Reader }

func (textReader) Close() error { return nil }

func readText(c tree.Content, size int64) ([]byte, error) {
	f, err := c.Open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := make([]byte, size)
	if _, err := io.ReadFull(f, b); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return b, nil
}
