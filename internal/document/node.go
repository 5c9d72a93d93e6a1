package document

// Kind is what a value in a text is, before an option gives it a type.
type Kind uint8

const (
	Null   Kind = iota
	Bool        // true or false, unquoted
	Number      // an unquoted number
	Text        // any other scalar
	List
	Map
)

// String names the kind, for messages.
func (k Kind) String() string {
	return [...]string{"nothing", "true or false", "a number", "text", "a list", "a mapping"}[k]
}

// Node is a value with its place. Both languages are read into nodes, so that
// they cannot differ in what they accept.
type Node struct {
	Kind  Kind
	Pos   Pos
	Text  string // a scalar as it stands in the source, without quotes and escapes
	Items []Node // of a list
	Pairs []Pair // of a mapping, in the order of the text
}

// Pair is a name with its value. That a name is given twice is for the reader
// of the mapping to refuse.
type Pair struct {
	Key   string
	Pos   Pos // of the name
	Value Node
}

const (
	// maxSize is the most bytes a text may have. What is read here names files,
	// it does not hold them.
	maxSize = 1 << 20
	// maxDepth is the deepest nesting that is read; the deepest an option
	// needs is three.
	maxDepth = 32
)
