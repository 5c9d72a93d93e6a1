package nixdb

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"sort"

	"github.com/reprodisk/reprodisk/internal/ondisk/sqlite"
)

// Path is a valid path of the store.
type Path struct {
	Path       string
	NarHash    [32]byte // SHA-256 of its NAR
	NarSize    int64    // of its NAR, in bytes
	Deriver    string   // the derivation that made it; empty: not known
	CA         string   // how its content is its address; empty: it is not
	References []string // valid paths, itself perhaps among them
	Outputs    []Output // of a derivation
}

// Output is an output of a derivation.
type Output struct{ Name, Path string }

const (
	// wal is the write and read version of a database that is written with a
	// write-ahead log, as Nix sets it.
	wal = 2
	// changes is a count of transactions; with a write-ahead log it says
	// nothing but that version-valid-for equals it.
	changes = 1
	// schemaFormat 4 is the newest; it has the types 8 and 9, for 0 and 1.
	schemaFormat = 4
	utf8         = 1
	// sqliteVersion is the program that wrote the file last: the first version
	// that wrote this format with WAL, 3.7.0. It has no effect.
	sqliteVersion = 3007000
)

// Encode makes the database of the paths, which have the ids 1, 2, … in their
// order. The result depends on nothing else.
func Encode(paths []Path) ([]byte, error) {
	ids := make(map[string]int64, len(paths))
	for i, p := range paths {
		if ids[p.Path] != 0 {
			return nil, fmt.Errorf("the store path %s is given twice", p.Path)
		}
		ids[p.Path] = int64(i + 1)
	}
	var valid, refs, outputs []row
	var byPath, byDrv, byOutput []entry
	var edges [][2]int64
	for i, p := range paths {
		id := int64(i + 1)
		valid = append(valid, row{id, record(
			nil, p.Path, "sha256:"+hex.EncodeToString(p.NarHash[:]), int64(RegistrationTime),
			orNull(p.Deriver), p.NarSize, nil, nil, orNull(p.CA),
		)})
		byPath = append(byPath, entry{text: p.Path, record: record(p.Path, id)})
		from := make([]int64, 0, len(p.References))
		for _, r := range p.References {
			to := ids[r]
			if to == 0 {
				return nil, fmt.Errorf("%s refers to %s, which is not in the closure", p.Path, r)
			}
			from = append(from, to)
		}
		sort.Slice(from, func(i, j int) bool { return from[i] < from[j] })
		for j, to := range from {
			if j > 0 && to == from[j-1] {
				return nil, fmt.Errorf("%s refers twice to %s", p.Path, paths[to-1].Path)
			}
			edges = append(edges, [2]int64{id, to})
		}
		for _, o := range p.Outputs {
			n := int64(len(outputs) + 1)
			outputs = append(outputs, row{n, record(id, o.Name, o.Path)})
			byDrv = append(byDrv, entry{number: id, text: o.Name, row: n, record: record(id, o.Name, n)})
			byOutput = append(byOutput, entry{text: o.Path, row: n, record: record(o.Path, n)})
		}
	}
	var refsKey, referrer [][]byte
	var reference []entry
	for i, e := range edges {
		n := int64(i + 1)
		refs = append(refs, row{n, record(e[0], e[1])})
		refsKey = append(refsKey, record(e[0], e[1], n))
		referrer = append(referrer, record(e[0], n))
		reference = append(reference, entry{number: e[1], row: n, record: record(e[1], n)})
	}
	var sequence []row
	if len(paths) > 0 {
		sequence = []row{{1, record("ValidPaths", int64(len(paths)))}}
	}
	var schema []row
	for i, o := range objects {
		sql := value(o.sql)
		if o.sql == "" {
			sql = nil
		}
		schema = append(schema, row{int64(i + 1), record(o.kind, o.name, o.table, o.root, sql)})
	}

	f := &file{}
	for range roots {
		f.allocate()
	}
	for _, t := range []struct {
		root uint32
		rows []row
	}{{schemaRoot, schema}, {validPathsRoot, valid}, {sequenceRoot, sequence}, {refsRoot, refs}, {outputsRoot, outputs}} {
		if err := f.table(t.root, t.rows); err != nil {
			return nil, err
		}
	}
	for _, x := range []struct {
		root uint32
		keys [][]byte
	}{
		{validPathsByPathRoot, sorted(byPath)},
		{refsKeyRoot, refsKey},
		{referrerRoot, referrer},
		{referenceRoot, sorted(reference)},
		{outputsKeyRoot, sorted(byDrv)},
		{outputsByPathRoot, sorted(byOutput)},
	} {
		if err := f.index(x.root, x.keys); err != nil {
			return nil, err
		}
	}
	h := sqlite.Header{
		PageSize: pageSize, WriteVersion: wal, ReadVersion: wal,
		MaxFraction: 64, MinFraction: 32, LeafFraction: 32, // fixed by the format
		ChangeCounter: changes, Pages: uint32(len(f.pages)),
		SchemaCookie: 1, SchemaFormat: schemaFormat, TextEncoding: utf8,
		VersionValidFor: changes, SQLiteVersionNum: sqliteVersion,
	}
	copy(h.Magic[:], sqlite.Magic)
	copy(f.pages[0], sqlite.Layout.Encode(&h))
	return bytes.Join(f.pages, nil), nil
}

func orNull(s string) value {
	if s == "" {
		return nil
	}
	return s
}

// entry is a key of an index with what it is sorted by: SQLite compares
// numbers as numbers and text as bytes, column after column.
type entry struct {
	number int64
	text   string
	row    int64
	record []byte
}

func sorted(list []entry) [][]byte {
	sort.Slice(list, func(i, j int) bool {
		a, b := list[i], list[j]
		switch {
		case a.number != b.number:
			return a.number < b.number
		case a.text != b.text:
			return a.text < b.text
		}
		return a.row < b.row
	})
	keys := make([][]byte, len(list))
	for i, e := range list {
		keys[i] = e.record
	}
	return keys
}
