package spec

import "github.com/reprodisk/reprodisk/internal/document"

// Load reads the spec in a file. Relative paths in it start from its folder.
func Load(path string) (*Spec, error) {
	data, err := document.Load(path, "spec")
	if err != nil {
		return nil, err
	}
	return Parse(path, data)
}

// Parse reads a spec's text, with every default filled in and every assertion
// checked. The name is for messages, and its folder is where relative paths in
// the spec start. Every error is an *Error.
func Parse(name string, data []byte) (*Spec, error) {
	root, err := document.Read(name, data, "spec", "{}")
	if err != nil {
		return nil, err
	}
	s := defaults(name)
	if err := s.decode(nodeOf(root)); err != nil {
		return nil, err
	}
	s.settle()
	if err := s.check(); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Spec) decode(root node) error {
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
