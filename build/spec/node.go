package spec

import "github.com/reprodisk/reprodisk/internal/document"

// Pos is a place in a spec's text. The zero Pos is that of an option that was
// not given.
type Pos = document.Pos

// Error is what is wrong with a spec, and where.
type Error = document.Error

type kind = document.Kind

const (
	nullKind   = document.Null
	boolKind   = document.Bool
	numberKind = document.Number
	textKind   = document.Text
	listKind   = document.List
	mapKind    = document.Map
)

// node is a value of a spec's text, with its place.
type node struct {
	kind  kind
	pos   Pos
	text  string // a scalar as it stands in the source, without quotes and escapes
	items []node // of a list
	pairs []pair // of a mapping, in the order of the text
}

type pair struct {
	key   string
	pos   Pos
	value node
}

func nodeOf(d document.Node) node {
	n := node{kind: d.Kind, pos: d.Pos, text: d.Text}
	for _, item := range d.Items {
		n.items = append(n.items, nodeOf(item))
	}
	for _, p := range d.Pairs {
		n.pairs = append(n.pairs, pair{key: p.Key, pos: p.Pos, value: nodeOf(p.Value)})
	}
	return n
}

func errorAt(p Pos, format string, args ...any) *Error { return document.ErrorAt(p, format, args...) }

func didYouMean(word string, names []string) string { return document.DidYouMean(word, names) }

func shorten(t string) string { return document.Shorten(t) }
