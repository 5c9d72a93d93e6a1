package spec

// kind is what a value in a spec's text is, before an option gives it a type.
type kind uint8

const (
	nullKind   kind = iota
	boolKind        // true or false, unquoted
	numberKind      // an unquoted number
	textKind        // any other scalar
	listKind
	mapKind
)

func (k kind) String() string {
	return [...]string{"nothing", "true or false", "a number", "text", "a list", "a mapping"}[k]
}

// node is a value with its place. Both languages are read into nodes, so that
// they cannot differ in what they accept.
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

const (
	// maxSize is the most bytes a spec may have. A spec names files, it does
	// not hold them.
	maxSize = 1 << 20
	// maxDepth is the deepest nesting that is read; the deepest an option
	// needs is three.
	maxDepth = 32
)
