package closure

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/reprodisk/reprodisk/internal/patherr"
)

const (
	// maxLine is the longest line of a registration, in bytes: a path is far
	// shorter.
	maxLine = 4096
	// maxReferences is more references than any path has.
	maxReferences = 1 << 20
)

// ParseRegistration reads what nix-store --dump-db prints and --load-db reads.
// A path has a line each for itself, the hash of its NAR, the NAR's size in
// bytes, its deriver (empty where none is known) and the number of its
// references, and then a line for each of them. An error names the line.
func ParseRegistration(r io.Reader) ([]Path, error) {
	p := &registration{r: bufio.NewReaderSize(r, maxLine)}
	var out []Path
	seen := map[string]bool{}
	for {
		path, err := p.path()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", p.line, err)
		}
		if seen[path.Path] {
			return nil, fmt.Errorf("line %d: %s is registered a second time", p.first, path.Path)
		}
		seen[path.Path] = true
		out = append(out, path)
	}
}

type registration struct {
	r     *bufio.Reader
	line  int
	first int // line of the path that is being read
}

// next is the next line without its end, or io.EOF where there is none.
func (p *registration) next() (string, error) {
	b, err := p.r.ReadSlice('\n')
	p.line++
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return "", fmt.Errorf("is longer than %d bytes", maxLine)
	case errors.Is(err, io.EOF) && len(b) > 0:
		return string(b), nil
	case err != nil:
		return "", err
	}
	return string(b[:len(b)-1]), nil
}

// want is the next line, which must be there.
func (p *registration) want(what string) (string, error) {
	s, err := p.next()
	if errors.Is(err, io.EOF) {
		return "", fmt.Errorf("ends where %s should stand", what)
	}
	return s, err
}

// path reads one path. At the end of the file it returns io.EOF.
func (p *registration) path() (path Path, err error) {
	if path.Path, err = p.next(); err != nil {
		return path, err
	}
	p.first = p.line
	if err := checkPath(path.Path); err != nil {
		return path, err
	}
	s, err := p.want("the hash of " + path.Path)
	if err != nil {
		return path, err
	}
	if path.NarHash, err = parseHash(s); err != nil {
		return path, err
	}
	if s, err = p.want("the size of " + path.Path); err != nil {
		return path, err
	}
	if path.NarSize, err = strconv.ParseInt(s, 10, 64); err != nil || path.NarSize < 0 {
		return path, fmt.Errorf("%q is no size in bytes", shorten(s))
	}
	if path.Deriver, err = p.want("the deriver of " + path.Path); err != nil {
		return path, err
	}
	if path.Deriver != "" {
		if err := checkPath(path.Deriver); err != nil {
			return path, err
		}
	}
	if s, err = p.want("the number of references of " + path.Path); err != nil {
		return path, err
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > maxReferences {
		return path, fmt.Errorf("%q is no number of references", shorten(s))
	}
	for range n {
		ref, err := p.want("a reference of " + path.Path)
		if err != nil {
			return path, err
		}
		if err := checkPath(ref); err != nil {
			return path, err
		}
		path.References = append(path.References, ref)
	}
	return path, nil
}

// Registration is a source: a file with a registration.
type Registration struct {
	File string
}

// Closure tells about all paths of the file.
func (r Registration) Closure(_ context.Context, _ []string) ([]Path, error) {
	f, err := os.Open(r.File)
	if err != nil {
		return nil, fmt.Errorf("registration %s: %w", r.File, patherr.Bare(err))
	}
	defer f.Close()
	paths, err := ParseRegistration(f)
	if err != nil {
		return nil, fmt.Errorf("registration %s: %w", r.File, patherr.Bare(err))
	}
	return paths, nil
}

func (r Registration) String() string { return r.File }
