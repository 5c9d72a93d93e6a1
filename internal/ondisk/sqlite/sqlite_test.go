package sqlite_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/ondisk/sqlite"
)

// made is a database that the sqlite3 tool made of SQL.
func made(t testing.TB, sql string) (path string, content []byte) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "x.db")
	if r := judge.RunInput(t, sql, "sqlite3", "-bail", path); r.Status != 0 {
		t.Fatalf("sqlite3: %s%s", r.Stdout, r.Stderr)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, content
}

// dump prints every row as sqlite3's quote mode does.
func dump(t testing.TB, b []byte) map[string]string {
	t.Helper()
	d, err := sqlite.Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	objects, err := d.Schema(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, o := range objects {
		if o.Type != "table" || o.Root == 0 {
			continue
		}
		table, err := sqlite.ParseTable(o.SQL)
		if err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		if err := d.Rows(t.Context(), o.Root, table, func(r sqlite.Row) error {
			for i, v := range r.Values {
				if i > 0 {
					text.WriteByte(',')
				}
				text.WriteString(v.String())
			}
			text.WriteByte('\n')
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		out[o.Name] = text.String()
	}
	return out
}

const everything = `
CREATE TABLE "plain" (a, b TEXT, c REAL, d BLOB);
INSERT INTO plain VALUES (NULL, 'it''s', 2.5, x'00ff'), (0, '', -1e300, x''), (1, 'ü', 0.1, NULL),
 (-1, 2, 3, 4), (127, -128, 32767, -32768), (8388607, -8388608, 2147483647, -2147483648),
 (140737488355327, -140737488355328, 9223372036854775807, -9223372036854775807);
CREATE TABLE alias (name TEXT, id INTEGER PRIMARY KEY, v INT DEFAULT 7);
INSERT INTO alias VALUES ('x', 5, 1), ('y', -3, 2), ('z', 9223372036854775807, 3);
ALTER TABLE alias ADD COLUMN added;
INSERT INTO alias VALUES ('n', 6, 1, 'later');
CREATE TABLE noalias (id INT PRIMARY KEY, b);
INSERT INTO noalias VALUES (2, 'two'), (1, 'one');
CREATE TABLE descending (id INTEGER PRIMARY KEY DESC, b);
INSERT INTO descending VALUES (2, 'two'), (1, 'one');
CREATE TABLE without_id (a, b, /* the key, a and c */ c, [d e] DEFAULT (1+2), PRIMARY KEY (c, a)) WITHOUT ROWID;
`

func TestRowsAreThoseThatSqliteReads(t *testing.T) {
	sql := everything + `
INSERT INTO without_id (a, b, c) VALUES (1, 'b1', 'k2'), (2, 'b2', 'k1'), (0, 'b0', 'k2');
CREATE TABLE gen (a INTEGER, v AS (a*2), s INTEGER GENERATED ALWAYS AS (a*3) STORED, z);
INSERT INTO gen (a, z) VALUES (1, 'one'), (2, 'two');
CREATE TABLE big (id INTEGER PRIMARY KEY, body);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 3000)
 INSERT INTO big SELECT i, 'row ' || i FROM n;
INSERT INTO big VALUES (9000, printf('%.*c', 100000, 'x')), (9001, zeroblob(5000)), (9002, printf('%.*c', 4061, 'y')), (9003, printf('%.*c', 4062, 'y'));
CREATE TABLE bigkey (k TEXT PRIMARY KEY, v) WITHOUT ROWID;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 500)
 INSERT INTO bigkey SELECT printf('%05d', i) || printf('%.*c', i*7, 'k'), i FROM n;
CREATE INDEX i1 ON big(body);
CREATE VIEW v1 AS SELECT 1;
DELETE FROM big WHERE id % 3 = 0;
`
	for _, start := range []string{"", "PRAGMA page_size=512;", "PRAGMA page_size=65536;", "PRAGMA encoding='UTF-16le';", "PRAGMA encoding='UTF-16be';", "PRAGMA auto_vacuum=1;"} {
		t.Run(start, func(t *testing.T) {
			path, content := made(t, start+sql)
			for name, got := range dump(t, content) {
				if name == "gen" {
					got = strings.NewReplacer("1,NULL,3", "1,2,3", "2,NULL,6", "2,4,6").Replace(got) // v is not stored
				}
				want := judge.Must(t, "sqlite3", "-readonly", path, ".mode quote", fmt.Sprintf(`SELECT * FROM %q`, name))
				got = strings.ReplaceAll(strings.ReplaceAll(got, "X'", "x'"), "'X'", "'x'")
				if !sameNumbers(strings.ToLower(got), strings.ToLower(want)) {
					t.Errorf("%s:\n%.300s\nsqlite3 says\n%.300s", name, got, want)
				}
			}
		})
	}
}

// sameNumbers compares two dumps, where numbers may be written in other ways.
func sameNumbers(a, b string) bool {
	if a == b {
		return true
	}
	x, y := strings.FieldsFunc(a, separator), strings.FieldsFunc(b, separator)
	if len(x) != len(y) {
		return false
	}
	for i := range x {
		var u, v float64
		if x[i] == y[i] {
			continue
		}
		if n, _ := fmt.Sscan(x[i], &u); n != 1 {
			return false
		}
		if n, _ := fmt.Sscan(y[i], &v); n != 1 || u != v {
			return false
		}
	}
	return true
}

func separator(r rune) bool { return r == ',' || r == '\n' }

func TestDamageIsAnError(t *testing.T) {
	_, content := made(t, everything)
	for name, damage := range map[string]func(b []byte) []byte{
		"magic":       func(b []byte) []byte { b[0] = 'X'; return b },
		"page size":   func(b []byte) []byte { b[16], b[17] = 0, 7; return b },
		"short":       func(b []byte) []byte { return b[:300] },
		"root's type": func(b []byte) []byte { b[100] = 9; return b },
		"cells":       func(b []byte) []byte { b[103], b[104] = 255, 255; return b },
	} {
		b := damage(bytes.Clone(content))
		d, err := sqlite.Open(bytes.NewReader(b), int64(len(b)))
		if err == nil {
			_, err = d.Schema(t.Context())
		}
		if !errors.Is(err, sqlite.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	if _, err := os.Stat("/usr/bin/sqlite3"); err == nil {
		_, content := made(f, "PRAGMA page_size=512;"+everything)
		f.Add(content)
	}
	f.Add([]byte(sqlite.Magic))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := sqlite.Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		objects, _ := d.Schema(t.Context())
		for _, o := range objects {
			table, err := sqlite.ParseTable(o.SQL)
			if err != nil {
				continue
			}
			rows := 0
			_ = d.Rows(t.Context(), o.Root, table, func(r sqlite.Row) error {
				if rows++; len(r.Values) != len(table.Columns) {
					t.Fatalf("%d values for %d columns", len(r.Values), len(table.Columns))
				}
				return nil
			})
			if rows > len(b) {
				t.Fatalf("%d rows in %d bytes", rows, len(b))
			}
		}
	})
}
