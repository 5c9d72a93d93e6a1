package closure

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/reprodisk/reprodisk/internal/nixdb"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// maxDerivation is the largest derivation that is read, in bytes. Those of
// nixpkgs stay below a few hundred kilobytes.
const maxDerivation = 64 << 20

// outputs reads the outputs of a derivation in the store, which Nix keeps in
// its database too. An output whose path is not known before it is built is
// left out, as Nix does.
func outputs(n *tree.Node) ([]nixdb.Output, error) {
	if n.Type() != tree.Regular {
		return nil, nil
	}
	if n.Size > maxDerivation {
		return nil, fmt.Errorf("%s: a derivation of %d bytes; %d are the most", n.Origin, n.Size, maxDerivation)
	}
	r, err := n.Content.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b := make([]byte, n.Size)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, err
	}
	out, err := parseOutputs(string(b))
	if err != nil {
		return nil, fmt.Errorf("%s: no derivation: %w", n.Origin, err)
	}
	return out, nil
}

// parseOutputs reads the first list of a derivation in the ATerm format
// ("Derivation" in the Nix manual): Derive([("out","/nix/store/…","",""),…],…
func parseOutputs(s string) ([]nixdb.Output, error) {
	a := &aterm{s: s}
	a.expect("Derive([")
	var out []nixdb.Output
	for a.err == nil && !a.skip("]") {
		if len(out) > 0 {
			a.expect(",")
		}
		a.expect("(")
		name := a.text()
		a.expect(",")
		path := a.text()
		a.expect(",")
		a.text() // the algorithm and
		a.expect(",")
		a.text() // the hash of what is known before
		a.expect(")")
		if a.err == nil {
			out = append(out, nixdb.Output{Name: name, Path: path})
		}
	}
	if a.err != nil {
		return nil, a.err
	}
	known := out[:0]
	for _, o := range out {
		if o.Path == "" {
			continue
		}
		if err := checkPath(o.Path); err != nil {
			return nil, err
		}
		known = append(known, o)
	}
	return known, nil
}

// aterm reads until its first error.
type aterm struct {
	s   string
	at  int
	err error
}

func (a *aterm) skip(what string) bool {
	if strings.HasPrefix(a.s[a.at:], what) {
		a.at += len(what)
		return true
	}
	return false
}

func (a *aterm) expect(what string) {
	if a.err == nil && !a.skip(what) {
		a.err = fmt.Errorf("offset %d: no %q", a.at, what)
	}
}

// text is a quoted text. Names and paths hold nothing that is escaped.
func (a *aterm) text() string {
	a.expect(`"`)
	if a.err != nil {
		return ""
	}
	n := strings.IndexAny(a.s[a.at:], `"\`)
	if n < 0 || a.s[a.at+n] == '\\' {
		a.err = errors.Join(a.err, fmt.Errorf("offset %d: a text without an end, or with a backslash", a.at))
		return ""
	}
	t := a.s[a.at : a.at+n]
	a.at += n + 1
	return t
}
