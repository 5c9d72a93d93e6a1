package document

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// readYAML reads one YAML document into a node.
func readYAML(file string, data []byte, what string) (n Node, err error) {
	// The parser is not ours and has panicked on strange text before. Whoever
	// wrote that text gets an error like any other.
	defer func() {
		if r := recover(); r != nil {
			n, err = Node{}, ErrorAt(Pos{File: file}, "cannot be read as YAML")
		}
	}()
	y := &yamlReader{file: file, what: what, anchors: map[string]ast.Node{}}
	tokens := lexer.Tokenize(string(data))
	if err := y.bound(tokens); err != nil {
		return Node{}, err
	}
	// decode finds repeated keys, in the same words for YAML and JSON.
	f, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		var syntax *yaml.SyntaxError
		if errors.As(err, &syntax) && syntax.Token != nil {
			return Node{}, ErrorAt(y.pos(syntax.Token), "%s", oneLine(syntax.Message))
		}
		return Node{}, ErrorAt(Pos{File: file}, "%s", oneLine(err.Error()))
	}
	var body ast.Node
	for _, doc := range f.Docs {
		switch b := doc.Body.(type) {
		case nil:
			if body != nil && doc.Start != nil {
				return Node{}, ErrorAt(y.pos(doc.Start), "a second document: a %s is one document", what)
			}
		case *ast.DirectiveNode:
		default:
			if body != nil {
				return Node{}, ErrorAt(y.pos(first(b)), "a second document: a %s is one document", what)
			}
			body = b
		}
	}
	if body == nil {
		return Node{Kind: Null, Pos: Pos{File: file, Line: 1, Col: 1}}, nil
	}
	return y.node(body, 0)
}

// first is the token that a value begins with. That of a mapping is its colon.
func first(a ast.Node) *token.Token {
	switch a := a.(type) {
	case *ast.MappingNode:
		if len(a.Values) > 0 {
			return a.Values[0].Key.GetToken()
		}
	case *ast.MappingValueNode:
		return a.Key.GetToken()
	}
	return a.GetToken()
}

type yamlReader struct {
	file    string
	what    string // the text is, for messages
	anchors map[string]ast.Node
	nodes   int
}

// maxNodes bounds what aliases can blow a small text up to.
const maxNodes = maxSize / 2

func (y *yamlReader) pos(t *token.Token) Pos {
	if t == nil || t.Position == nil {
		return Pos{File: y.file}
	}
	return Pos{File: y.file, Line: t.Position.Line, Col: max(t.Position.Column, 1)}
}

// maxKeys is more than any mapping of options has.
const maxKeys = 256

// bound refuses nesting and mappings without end before the parser sees them:
// the parser takes time in the square of the depth and of the number of keys,
// and its recursion has no bound.
func (y *yamlReader) bound(tokens token.Tokens) error {
	flow, line, onLine, keys := 0, 0, 0, 0
	for _, t := range tokens {
		if t.Position.Line != line {
			line, onLine = t.Position.Line, 0
		}
		deep := false
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			flow++
			keys = 0
			deep = flow > maxDepth
		case token.SequenceEndType, token.MappingEndType:
			flow--
		case token.SequenceEntryType, token.MappingKeyType, token.AnchorType, token.TagType:
			// Each indents at least one column deeper than what holds it.
			onLine++
			deep = onLine > maxDepth || flow <= 0 && t.Position.Column > 8*maxDepth
			if t.Type == token.SequenceEntryType {
				keys = 0
			}
		case token.MappingValueType:
			if keys++; keys > maxKeys {
				return ErrorAt(y.pos(t), "more than %d keys in one mapping", maxKeys)
			}
			if flow <= 0 {
				onLine++
				deep = onLine > maxDepth || t.Position.Column > 32*maxDepth
			}
		}
		if deep {
			return ErrorAt(y.pos(t), "nested deeper than %d levels", maxDepth)
		}
	}
	return nil
}

func (y *yamlReader) node(a ast.Node, depth int) (Node, error) {
	if a == nil {
		return Node{}, ErrorAt(Pos{File: y.file}, "cannot be read as YAML")
	}
	n := Node{Pos: y.pos(a.GetToken())}
	if y.nodes++; y.nodes > maxNodes {
		return n, ErrorAt(n.Pos, "aliases make more than %d values of it", maxNodes)
	}
	if depth > maxDepth {
		return n, ErrorAt(n.Pos, "nested deeper than %d levels", maxDepth)
	}
	switch a := a.(type) {
	case *ast.NullNode:
		n.Kind = Null
	case *ast.BoolNode:
		n.Kind, n.Text = Bool, a.Token.Value
	case *ast.IntegerNode:
		n.Kind, n.Text = Number, a.Token.Value
	case *ast.FloatNode:
		n.Kind, n.Text = Number, a.Token.Value
	case *ast.InfinityNode:
		n.Kind, n.Text = Text, a.Token.Value
	case *ast.NanNode:
		n.Kind, n.Text = Text, a.Token.Value
	case *ast.StringNode:
		n.Kind, n.Text = Text, a.Token.Value
	case *ast.LiteralNode:
		n.Kind, n.Text = Text, a.Value.Token.Value
	case *ast.AnchorNode:
		y.anchors[a.Name.GetToken().Value] = a.Value
		return y.node(a.Value, depth+1)
	case *ast.AliasNode:
		name := a.Value.GetToken().Value
		to, ok := y.anchors[name]
		if !ok {
			return n, ErrorAt(n.Pos, "no anchor &%s stands before the alias *%s", name, name)
		}
		return y.node(to, depth+1)
	case *ast.SequenceNode:
		n.Kind = List
		for _, v := range a.Values {
			item, err := y.node(v, depth+1)
			if err != nil {
				return n, err
			}
			n.Items = append(n.Items, item)
		}
	case *ast.MappingNode:
		n.Kind = Map
		if len(a.Values) > 0 {
			n.Pos = y.pos(a.Values[0].Key.GetToken())
		}
		for _, v := range a.Values {
			if err := y.pair(&n, v, depth); err != nil {
				return n, err
			}
		}
	case *ast.MappingValueNode:
		n.Kind = Map
		n.Pos = y.pos(a.Key.GetToken())
		return n, y.pair(&n, a, depth)
	case *ast.TagNode:
		return n, ErrorAt(n.Pos, "the tag %s: a %s has no tags; quote a value to make it text", a.Start.Value, y.what)
	default:
		return n, ErrorAt(n.Pos, "%s is not understood in a %s", strings.ToLower(a.Type().String()), y.what)
	}
	return n, nil
}

func (y *yamlReader) pair(n *Node, a *ast.MappingValueNode, depth int) error {
	key, ok := a.Key.(ast.Node)
	if k, complexKey := a.Key.(*ast.MappingKeyNode); complexKey {
		key, ok = k.Value, k.Value != nil
	}
	var name Node
	if ok {
		switch key.(type) {
		case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode, *ast.MergeKeyNode:
			name = Node{Text: key.GetToken().Value, Pos: y.pos(key.GetToken())}
		default:
			ok = false
		}
	}
	if !ok {
		return ErrorAt(y.pos(a.GetToken()), "the name of an option must be plain text")
	}
	value, err := y.node(a.Value, depth+1)
	if err != nil {
		return err
	}
	n.Pairs = append(n.Pairs, Pair{Key: name.Text, Pos: name.Pos, Value: value})
	return nil
}

// oneLine is the first line of a message.
func oneLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	return fmt.Sprintf("%.200s", s)
}
