package sqlite

import (
	"context"
	"fmt"
)

// Object is a row of sqlite_schema, section 2.6.
type Object struct {
	Type  string // table, index, view or trigger
	Name  string
	Table string // that an index or a trigger belongs to
	Root  uint32 // page; 0 for views, triggers and virtual tables
	SQL   string // empty for what SQLite makes by itself
}

// maxObjects bounds the schema.
const maxObjects = 20_000

// Schema lists what the database holds, in stored order.
func (d *DB) Schema(ctx context.Context) ([]Object, error) {
	var out []Object
	err := d.walk(ctx, 1, false, func(rowid int64, payload []byte) error {
		v, err := d.record(payload)
		if err != nil {
			return fmt.Errorf("%w: sqlite_schema row %d: %w", ErrCorrupt, rowid, err)
		}
		if len(v) < 5 || len(out) == maxObjects {
			return fmt.Errorf("%w: sqlite_schema row %d", ErrCorrupt, rowid)
		}
		out = append(out, Object{
			Type: string(v[0].Bytes), Name: string(v[1].Bytes), Table: string(v[2].Bytes),
			Root: uint32(v[3].Int), SQL: string(v[4].Bytes),
		})
		return nil
	})
	return out, err
}

// Row is a row of a table.
type Row struct {
	ID     int64   // the rowid; 0 in a table without
	Values []Value // one for each of the table's Columns
}

// Rows calls fn for each row of the table at the given root page, in the
// order of its key. An error of fn ends the walk and is returned.
func (d *DB) Rows(ctx context.Context, root uint32, t Table, fn func(Row) error) error {
	return d.walk(ctx, root, t.WithoutRowID, func(rowid int64, payload []byte) error {
		stored, err := d.record(payload)
		if err != nil {
			return fmt.Errorf("%w: %s row %d: %w", ErrCorrupt, t.Name, rowid, err)
		}
		values := make([]Value, len(t.Columns))
		for i, c := range t.Columns {
			// A row is shorter where columns were added after it was written.
			if c.stored >= 0 && c.stored < len(stored) {
				values[i] = stored[c.stored]
			}
			if i == t.RowIDColumn {
				values[i] = Value{Type: Integer, Int: rowid}
			}
		}
		return fn(Row{ID: rowid, Values: values})
	})
}
