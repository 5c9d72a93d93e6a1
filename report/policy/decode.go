package policy

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/reprodisk/reprodisk/internal/document"
	"github.com/reprodisk/reprodisk/report"
)

// maxReason is how many bytes a reason may have. It stands beside every finding
// that it allows.
const maxReason = 2000

// version is the only one there is of the language.
const version = "1"

// reader reads the value of a key.
type reader func(document.Node) error

// mapping reads a mapping by its keys, in the order of the text.
func mapping(n document.Node, keys map[string]reader) error {
	seen := map[string]document.Pos{}
	for _, p := range n.Pairs {
		read, ok := keys[p.Key]
		if !ok {
			var names []string
			for name := range keys {
				names = append(names, name)
			}
			slices.Sort(names)
			hint := document.DidYouMean(p.Key, names)
			if hint == "" {
				hint = "; there are " + strings.Join(names, ", ")
			}
			return document.ErrorAt(p.Pos, "unknown key %q%s", document.Shorten(p.Key), hint)
		}
		if first, twice := seen[p.Key]; twice {
			return document.ErrorAt(p.Pos, "%s is given twice, first in line %d", p.Key, first.Line)
		}
		seen[p.Key] = p.Pos
		if err := read(p.Value); err != nil {
			e := err.(*document.Error)
			return document.ErrorAt(e.Pos, "%s: %s", p.Key, e.Msg)
		}
	}
	return nil
}

func (p *Policy) decode(root document.Node) error {
	return mapping(root, map[string]reader{
		"version": func(n document.Node) error {
			if n.Kind != document.Number || n.Text != version {
				return document.ErrorAt(n.Pos, "%q is not %s, the only one that this program knows", document.Shorten(n.Text), version)
			}
			return nil
		},
		"strict": func(n document.Node) error {
			if n.Kind != document.Bool {
				return document.ErrorAt(n.Pos, "wants true or false, not %s", n.Kind)
			}
			p.Strict = strings.EqualFold(n.Text, "true")
			return nil
		},
		"allow": func(n document.Node) error {
			if n.Kind == document.Null {
				return nil
			}
			if n.Kind != document.List {
				return document.ErrorAt(n.Pos, "wants a list of rules, not %s", n.Kind)
			}
			for _, item := range n.Items {
				r, err := decodeRule(item)
				if err != nil {
					return err
				}
				p.Rules = append(p.Rules, *r)
			}
			return nil
		},
	})
}

func decodeRule(n document.Node) (*Rule, error) {
	if n.Kind != document.Map {
		return nil, document.ErrorAt(n.Pos, "a rule is a mapping, such as {field: s_uuid, reason: …}, not %s", n.Kind)
	}
	r := &Rule{Where: fmt.Sprintf("%s:%d", n.Pos.File, n.Pos.Line)}
	err := mapping(n, map[string]reader{
		"field":     globs(&r.Field, nil),
		"file":      globs(&r.File, badFile),
		"image":     globs(&r.Image, nil),
		"partition": func(n document.Node) error { return decodePartition(n, &r.Partition) },
		"range":     func(n document.Node) error { return decodeRanges(n, &r.Range) },
		"cause":     func(n document.Node) error { return decodeCauses(n, &r.Cause) },
		"reason":    func(n document.Node) error { return decodeReason(n, &r.Reason) },
		"expires":   func(n document.Node) error { return decodeDate(n, &r.Expires) },
	})
	switch {
	case err != nil:
		return nil, err
	case r.Reason == "":
		return nil, document.ErrorAt(n.Pos, "a rule without a reason")
	case r.Field == nil && r.File == nil && r.Image == nil && r.Partition == nil && r.Range == nil && r.Cause == nil:
		return nil, document.ErrorAt(n.Pos, "a rule that names nothing: give it field, file, partition, range, cause or image")
	}
	return r, nil
}

// list is a list's items, or the one value that stands for a list of it.
func list(n document.Node) ([]document.Node, error) {
	if n.Kind != document.List {
		return []document.Node{n}, nil
	}
	if len(n.Items) == 0 {
		return nil, document.ErrorAt(n.Pos, "an empty list, which names nothing")
	}
	return n.Items, nil
}

// text is a scalar as it stands in the source.
func text(n document.Node) (string, error) {
	switch {
	case n.Kind != document.Text && n.Kind != document.Number:
		hint := ""
		if n.Kind == document.Bool {
			hint = "; quote it"
		}
		return "", document.ErrorAt(n.Pos, "wants text, not %s%s", n.Kind, hint)
	case n.Text == "":
		return "", document.ErrorAt(n.Pos, "is empty")
	}
	return n.Text, nil
}

// globs reads a glob or a list of them. bad says what is wrong with one.
func globs(to *[]Glob, bad func(string) string) reader {
	return func(n document.Node) error {
		items, err := list(n)
		if err != nil {
			return err
		}
		for _, item := range items {
			t, err := text(item)
			if err != nil {
				return err
			}
			if bad != nil {
				if why := bad(t); why != "" {
					return document.ErrorAt(item.Pos, "%q: %s", document.Shorten(t), why)
				}
			}
			*to = append(*to, Glob(t))
		}
		return nil
	}
}

func decodePartition(n document.Node, to **Partition) error {
	p := &Partition{}
	*to = p
	number := func(n document.Node) error {
		v, err := strconv.Atoi(n.Text)
		if n.Kind != document.Number || err != nil || v < 0 {
			return document.ErrorAt(n.Pos, "wants a partition's number, 0 or more")
		}
		p.Number = &v
		return nil
	}
	switch {
	case n.Kind == document.Number:
		return number(n)
	case n.Kind != document.Map:
		return document.ErrorAt(n.Pos, "wants a number, or {number: …, name: …, label: …, type: …}")
	case len(n.Pairs) == 0:
		return document.ErrorAt(n.Pos, "names no partition: give it number, name, label or type")
	}
	return mapping(n, map[string]reader{
		"number": number,
		"name":   globs(&p.Name, nil),
		"label":  globs(&p.Label, nil),
		"type":   globs(&p.Type, nil),
	})
}

func decodeRanges(n document.Node, to *[]report.Range) error {
	items, err := list(n)
	if err != nil {
		return err
	}
	var all []report.Range
	for _, item := range items {
		t, err := text(item)
		if err != nil {
			return err
		}
		g, err := parseRange(t)
		if err != nil {
			return document.ErrorAt(item.Pos, "%s", err)
		}
		all = append(all, g)
	}
	*to = report.JoinRanges(all, 0) // so that a finding that spans two lies in one
	return nil
}

// parseRange reads OFFSET+LENGTH, as reports print ranges, FIRST-LAST, or the
// offset of one byte; in decimal, or in hex after 0x.
func parseRange(t string) (report.Range, error) {
	bad := fmt.Errorf("%q is no range of bytes: OFFSET+LENGTH, FIRST-LAST or one OFFSET, in decimal or as 0x1be", document.Shorten(t))
	number := func(s string) (int64, bool) {
		s, base := strings.TrimSpace(s), 10
		if h, ok := strings.CutPrefix(strings.ToLower(s), "0x"); ok {
			s, base = h, 16
		}
		v, err := strconv.ParseUint(s, base, 63)
		return int64(v), err == nil
	}
	one, two, length := strings.Cut(t, "+")
	last := false
	if !length {
		one, two, last = strings.Cut(t, "-")
	}
	a, ok := number(one)
	if !ok {
		return report.Range{}, bad
	}
	b := a
	if length || last {
		if b, ok = number(two); !ok {
			return report.Range{}, bad
		}
	}
	switch {
	case length && (b == 0 || b > math.MaxInt64-a), !length && (b < a || b == math.MaxInt64):
		return report.Range{}, fmt.Errorf("%q: a range of at least one byte, below 2⁶³", document.Shorten(t))
	case length:
		return report.Range{Offset: a, Length: b}, nil
	}
	return report.Range{Offset: a, Length: b - a + 1}, nil
}

func decodeCauses(n document.Node, to *[]report.Cause) error {
	items, err := list(n)
	if err != nil {
		return err
	}
	var names []string
	for _, c := range report.Causes() {
		names = append(names, string(c))
	}
	for _, item := range items {
		t, err := text(item)
		if err != nil {
			return err
		}
		if !slices.Contains(names, t) {
			return document.ErrorAt(item.Pos, "%q is not one of %s%s", document.Shorten(t), strings.Join(names, ", "), document.DidYouMean(t, names))
		}
		*to = append(*to, report.Cause(t))
	}
	return nil
}

// placeholder is what a starting policy has for a reason.
const placeholder = "TODO"

func decodeReason(n document.Node, to *string) error {
	t, err := text(n)
	if err != nil {
		return err
	}
	t = strings.Join(strings.Fields(t), " ")
	switch {
	case t == "":
		return document.ErrorAt(n.Pos, "is empty")
	case strings.HasPrefix(strings.ToUpper(t), placeholder):
		return document.ErrorAt(n.Pos, "say why this may differ, in the place of %s", placeholder)
	case len(t) > maxReason:
		return document.ErrorAt(n.Pos, "is longer than %d bytes", maxReason)
	}
	*to = t
	return nil
}

func decodeDate(n document.Node, to *string) error {
	t, err := text(n)
	if err != nil {
		return err
	}
	if _, err := time.Parse(time.DateOnly, t); err != nil {
		return document.ErrorAt(n.Pos, "%q is no day as in 2027-01-31", document.Shorten(t))
	}
	*to = t
	return nil
}
