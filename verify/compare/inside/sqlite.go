package inside

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/reprodisk/reprodisk/internal/ondisk/sqlite"
	"github.com/reprodisk/reprodisk/report"
)

const (
	maxRows      = 200_000  // of one table
	maxRowBytes  = 16 << 20 // of one table's rows in memory
	rowOverhead  = 96       // bytes of a row without its values
	cellOverhead = 56       // bytes of a value without its text

	remedyVacuum = "write the database afresh: VACUUM INTO 'file'"
)

// knownColumns are columns whose values no build decides.
var knownColumns = map[string]about{
	"ValidPaths.registrationTime": {report.Time, "sqlite3 db.sqlite 'UPDATE ValidPaths SET registrationTime = 1'"},
}

// tableRow is a row with its key.
type tableRow struct {
	key    string
	values []sqlite.Value
}

func compareSQLite(s *session, p pair, out *result) (string, error) {
	const kind = "SQLite"
	a, err := sqlite.Open(p.a.R, p.a.Size)
	if err != nil {
		return "", err
	}
	b, err := sqlite.Open(p.b.R, p.b.Size)
	if err != nil {
		return "", err
	}
	if a.WAL() || b.WAL() {
		out.note("the database is in WAL mode: what its -wal file holds is not read")
	}
	compareAttrs(join(p.where, "header"), databaseAttrs(a.Header), databaseAttrs(b.Header), out)
	schemaA, err := a.Schema(s.ctx)
	if err != nil {
		return "", err
	}
	schemaB, err := b.Schema(s.ctx)
	if err != nil {
		return "", err
	}
	la, err := schemaList(schemaA)
	if err != nil {
		return "", err
	}
	lb, err := schemaList(schemaB)
	if err != nil {
		return "", err
	}
	if err := s.compareEntries(p.in("schema", p.a, p.b), la, lb, entriesOptions{orderRemedy: "create the tables in the same order"}, out); err != nil {
		return "", err
	}
	tablesB := map[string]sqlite.Object{}
	for _, o := range schemaB {
		if o.Type == "table" {
			tablesB[o.Name] = o
		}
	}
	for _, o := range schemaA {
		other, ok := tablesB[o.Name]
		if o.Type != "table" || !ok || o.Root == 0 || other.Root == 0 || o.SQL != other.SQL {
			continue
		}
		delete(tablesB, o.Name) // a damaged schema may name a table twice
		if err := s.compareTable(p, a, b, o, other, out); err != nil {
			return "", err
		}
	}
	if !out.found() {
		moved, err := s.moved(p.a, p.b)
		if err != nil {
			return "", err
		}
		if moved {
			out.add(Field{Where: p.where, Name: "pages", A: fmt.Sprintf("%d pages", a.Header.Pages), B: fmt.Sprintf("%d pages", b.Header.Pages), Cause: report.Placement, Remedy: remedyVacuum})
			out.note("schema and rows are equal: they lie in other places")
		} else {
			out.add(s.bytesField(p, "content", report.Content, remedyVacuum))
			out.note("schema and rows are equal: what is free or an index holds differs")
		}
	}
	return kind, nil
}

func databaseAttrs(h sqlite.Header) []attr {
	return layoutAttrs(sqlite.Layout.Fields(), sqlite.Layout.Encode(&h), func(a *attr, _ []byte) {
		switch a.name {
		case "file change counter", "database size in pages", "first freelist trunk page", "freelist pages",
			"version-valid-for", "schema cookie", "largest root b-tree page":
			a.derived = true // count what was done to the database
		case "SQLITE_VERSION_NUMBER":
			a.cause, a.remedy = report.Environment, "write the database with the same version of SQLite"
		}
	})
}

func schemaList(objects []sqlite.Object) (*entryList, error) {
	l := &entryList{}
	for _, o := range objects {
		if err := l.add(entry{name: o.Type + " " + o.Name, attrs: func() []attr {
			return []attr{
				{name: "tbl_name", value: o.Table, cause: report.Content},
				{name: "rootpage", value: fmt.Sprint(o.Root), cause: report.Placement, derived: true},
				{name: "sql", value: o.SQL, cause: report.Content},
			}
		}}); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// rows reads a table. A key that is not unique, as NULLs may be, is told apart
// by a number.
func (s *session) rows(ctx context.Context, d *sqlite.DB, o sqlite.Object, t sqlite.Table) ([]tableRow, error) {
	var out []tableRow
	seen := map[string]int{}
	left := maxRowBytes
	err := d.Rows(ctx, o.Root, t, func(r sqlite.Row) error {
		cost := rowOverhead
		for _, v := range r.Values {
			cost += cellOverhead + len(v.Bytes)
		}
		if left -= cost; left < 0 || len(out) == maxRows {
			return errEntries
		}
		if err := s.spend(int64(cost)); err != nil {
			return err
		}
		key := rowKey(t, r)
		seen[key]++
		if n := seen[key]; n > 1 {
			key = fmt.Sprintf("%s #%d", key, n)
		}
		values := slices.Clone(r.Values)
		for i := range values {
			values[i].Bytes = slices.Clone(values[i].Bytes) // not the page that they lie in
		}
		out = append(out, tableRow{key, values})
		return nil
	})
	return out, err
}

// rowKey names a row by its primary key, "id=3", or by its rowid.
func rowKey(t sqlite.Table, r sqlite.Row) string {
	if len(t.Key) == 0 {
		name := "rowid"
		if t.RowIDColumn >= 0 {
			name = t.Columns[t.RowIDColumn].Name
		}
		return fmt.Sprintf("%s=%d", name, r.ID)
	}
	var parts []string
	for _, i := range t.Key {
		parts = append(parts, t.Columns[i].Name+"="+r.Values[i].String())
	}
	return strings.Join(parts, ", ")
}

func (s *session) compareTable(p pair, a, b *sqlite.DB, x, y sqlite.Object, out *result) error {
	t, err := sqlite.ParseTable(x.SQL)
	if err != nil {
		return err
	}
	rowsA, err := s.rows(s.ctx, a, x, t)
	if err != nil {
		return fmt.Errorf("%s: %w", x.Name, err)
	}
	rowsB, err := s.rows(s.ctx, b, y, t)
	if err != nil {
		return fmt.Errorf("%s: %w", x.Name, err)
	}
	where := join(p.where, x.Name)
	sameSet := len(rowsA) == len(rowsB)
	at := make(map[string]int, len(rowsB))
	for i, r := range rowsB {
		at[r.key] = i
	}
	inA := make(map[string]bool, len(rowsA))
	differ := false
	for _, r := range rowsA {
		inA[r.key] = true
		i, ok := at[r.key]
		differ = differ || !ok || !slices.EqualFunc(r.values, rowsB[i].values, sqlite.Value.Equal)
	}
	if !differ && sameSet {
		return nil
	}
	if sameSet && len(t.Key) == 0 && sameRows(rowsA, rowsB, t.RowIDColumn) {
		out.add(Field{Where: where, Name: "order", A: fmt.Sprintf("%d rows", len(rowsA)), B: "the same rows with other rowids", Cause: report.Order, Remedy: "insert the rows in sorted order"})
		return nil
	}
	for _, r := range rowsA {
		i, ok := at[r.key]
		if !ok {
			out.add(Field{Where: rowWhere(where, r.key), Name: "row", A: showRow(r), Cause: report.Content})
			continue
		}
		for c, v := range r.values {
			if w := rowsB[i].values[c]; !v.Equal(w) {
				out.add(s.cellField(rowWhere(where, r.key), x.Name, t.Columns[c].Name, v, w))
			}
		}
	}
	for _, r := range rowsB {
		if !inA[r.key] {
			out.add(Field{Where: rowWhere(where, r.key), Name: "row", B: showRow(r), Cause: report.Content})
		}
	}
	return nil
}

func rowWhere(table, key string) string { return table + "[" + clip(key) + "]" }

// cellField tells two values of one cell apart, and why where that shows.
func (s *session) cellField(where, table, column string, v, w sqlite.Value) Field {
	f := Field{Where: where, Name: column, A: clip(v.String()), B: clip(w.String()), Cause: report.Content}
	if why, ok := knownColumns[table+"."+column]; ok {
		f.Cause, f.Remedy = why.cause, why.remedy
		return f
	}
	switch {
	case v.Type != w.Type:
	case v.Type == sqlite.Integer && closeEpochs(v.Int, w.Int):
		f.Cause, f.Remedy = report.Time, remedyClock
	case v.Type == sqlite.Text:
		if why, ok := s.tokensTell(string(v.Bytes), string(w.Bytes)); ok {
			f.Cause, f.Remedy = why.cause, why.remedy
		}
	}
	return f
}

func showRow(r tableRow) string {
	var b strings.Builder
	for i, v := range r.values {
		if i > 0 {
			b.WriteString(", ")
		}
		if b.WriteString(clip(v.String())); b.Len() > maxValue {
			break
		}
	}
	return b.String()
}

// sameRows tells whether two tables hold the same rows, whatever their rowids.
func sameRows(a, b []tableRow, rowid int) bool {
	flat := func(rows []tableRow) []tableRow {
		out := slices.Clone(rows)
		if rowid >= 0 {
			for i := range out {
				out[i].values = slices.Delete(slices.Clone(out[i].values), rowid, rowid+1)
			}
		}
		slices.SortFunc(out, compareRows)
		return out
	}
	return slices.EqualFunc(flat(a), flat(b), func(x, y tableRow) bool { return compareRows(x, y) == 0 })
}

func compareRows(x, y tableRow) int {
	return slices.CompareFunc(x.values, y.values, func(v, w sqlite.Value) int {
		return cmp.Or(cmp.Compare(v.Type, w.Type), cmp.Compare(v.Int, w.Int), cmp.Compare(v.Real, w.Real), slices.Compare(v.Bytes, w.Bytes))
	})
}
