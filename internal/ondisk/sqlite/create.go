package sqlite

import (
	"fmt"
	"slices"
	"strings"
)

// Table is what the text of CREATE TABLE says.
type Table struct {
	Name         string
	Columns      []Column
	Key          []int // the primary key's columns; none where it is the rowid alone
	RowIDColumn  int   // the column that is another name for the rowid; -1 for none
	WithoutRowID bool
}

// Column is one column.
type Column struct {
	Name   string
	stored int // its place in a record; -1 for one that is computed
}

// token is a word, a quoted name, or a sign of a text of SQL.
type token struct {
	text   string
	quoted bool
}

func (t token) is(word string) bool { return !t.quoted && strings.EqualFold(t.text, word) }

// tokens cuts SQL. Of a text that does not end its quotes, the rest is one token.
func tokens(sql string) []token {
	var out []token
	for i := 0; i < len(sql); {
		c := sql[i]
		switch {
		case strings.IndexByte(" \t\r\n\f", c) >= 0:
			i++
		case strings.HasPrefix(sql[i:], "--"):
			n := strings.IndexByte(sql[i:], '\n')
			if n < 0 {
				return out
			}
			i += n + 1
		case strings.HasPrefix(sql[i:], "/*"):
			n := strings.Index(sql[i+2:], "*/")
			if n < 0 {
				return out
			}
			i += n + 4
		case strings.IndexByte("\"'`[", c) >= 0:
			text, n := quoted(sql[i:])
			out = append(out, token{text, true})
			i += n
		case wordByte(c):
			n := i
			for n < len(sql) && wordByte(sql[n]) {
				n++
			}
			out = append(out, token{sql[i:n], false})
			i = n
		default:
			out = append(out, token{sql[i : i+1], false})
			i++
		}
	}
	return out
}

func wordByte(c byte) bool {
	return c == '_' || c == '$' || c >= 0x80 || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

// quoted reads a quoted name; the closing quote is doubled to stand for itself.
func quoted(s string) (text string, n int) {
	end := s[0]
	if end == '[' {
		end = ']'
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		if s[i] != end {
			b.WriteByte(s[i])
			continue
		}
		if end != ']' && i+1 < len(s) && s[i+1] == end {
			b.WriteByte(end)
			i++
			continue
		}
		return b.String(), i + 1
	}
	return b.String(), len(s)
}

// ParseTable reads the text of CREATE TABLE.
func ParseTable(sql string) (Table, error) {
	t := Table{RowIDColumn: -1}
	all := tokens(sql)
	open := slices.IndexFunc(all, func(t token) bool { return t.is("(") })
	if open < 2 || !all[0].is("CREATE") || !slices.ContainsFunc(all[:open], func(t token) bool { return t.is("TABLE") }) {
		return t, fmt.Errorf("%w: no CREATE TABLE: %.40q", ErrCorrupt, sql)
	}
	t.Name = all[open-1].text
	defs, rest := definitions(all[open+1:])
	without := slices.IndexFunc(rest, func(t token) bool { return t.is("WITHOUT") })
	t.WithoutRowID = without >= 0 && without+1 < len(rest) && rest[without+1].is("ROWID")

	var computed []bool
	var integer []bool // of type INTEGER, the word itself
	var constraints [][]token
	for _, def := range defs {
		if len(def) == 0 {
			continue
		}
		if tableConstraint(def[0]) {
			constraints = append(constraints, def)
			continue
		}
		if len(t.Columns) == maxColumns {
			return t, fmt.Errorf("%w: %s has too many columns", ErrCorrupt, t.Name)
		}
		i := len(t.Columns)
		t.Columns = append(t.Columns, Column{Name: def[0].text})
		computed = append(computed, isComputed(def))
		integer = append(integer, len(def) > 1 && def[1].is("INTEGER") && (len(def) == 2 || columnConstraint(def[2])))
		if key := primaryKey(def); key >= 0 {
			t.Key = append(t.Key, i)
			if key < len(def) && def[key].is("DESC") {
				integer[i] = false // kept for compatibility: no other name for the rowid
			}
		}
	}
	for _, def := range constraints {
		t.tableKey(def)
	}
	if !t.WithoutRowID && len(t.Key) == 1 && integer[t.Key[0]] {
		t.RowIDColumn, t.Key = t.Key[0], nil
	}
	t.place(computed)
	return t, nil
}

// definitions cuts what is between the parentheses at its commas, and returns
// what follows them.
func definitions(all []token) (defs [][]token, rest []token) {
	depth, start := 0, 0
	for i, t := range all {
		switch {
		case t.is("("):
			depth++
		case t.is(")") && depth > 0:
			depth--
		case t.is(")"):
			return append(defs, all[start:i]), all[i+1:]
		case t.is(",") && depth == 0:
			defs = append(defs, all[start:i])
			start = i + 1
		}
	}
	return append(defs, all[start:]), nil
}

func tableConstraint(t token) bool {
	return t.is("CONSTRAINT") || t.is("PRIMARY") || t.is("UNIQUE") || t.is("CHECK") || t.is("FOREIGN")
}

func columnConstraint(t token) bool {
	return tableConstraint(t) || t.is("NOT") || t.is("NULL") || t.is("DEFAULT") || t.is("COLLATE") || t.is("REFERENCES") || t.is("GENERATED") || t.is("AS")
}

// primaryKey is the place behind the words PRIMARY KEY outside of any
// parentheses; -1 where they are not there.
func primaryKey(def []token) int {
	depth := 0
	for i, t := range def {
		switch {
		case t.is("("):
			depth++
		case t.is(")"):
			depth--
		case depth == 0 && t.is("PRIMARY") && i+1 < len(def) && def[i+1].is("KEY"):
			return i + 2
		}
	}
	return -1
}

// isComputed tells whether a column is generated and not stored.
func isComputed(def []token) bool {
	as := false
	for i, t := range def {
		as = as || t.is("AS") && i+1 < len(def) && def[i+1].is("(")
	}
	return as && !slices.ContainsFunc(def, func(t token) bool { return t.is("STORED") })
}

// tableKey reads PRIMARY KEY (a, b) of a table's constraint.
func (t *Table) tableKey(def []token) {
	at := primaryKey(def)
	if at < 0 || at >= len(def) || !def[at].is("(") {
		return
	}
	parts, _ := definitions(def[at+1:])
	for _, part := range parts {
		if len(part) == 0 {
			continue
		}
		i := slices.IndexFunc(t.Columns, func(c Column) bool { return strings.EqualFold(c.Name, part[0].text) })
		if i >= 0 && !slices.Contains(t.Key, i) {
			t.Key = append(t.Key, i)
		}
	}
}

// place says where in a record each column stands. In a table without rowid
// the key's columns come first, section 2.4.
func (t *Table) place(computed []bool) {
	next := 0
	for i := range t.Columns {
		t.Columns[i].stored = -1
	}
	if t.WithoutRowID {
		for _, i := range t.Key {
			t.Columns[i].stored = next
			next++
		}
	}
	for i := range t.Columns {
		if t.Columns[i].stored < 0 && !computed[i] {
			t.Columns[i].stored = next
			next++
		}
	}
}
