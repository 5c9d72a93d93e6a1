// Package sqlite reads SQLite database files: the header, the schema, and the
// rows of every table, in the order of their b-tree.
//
// The format is specified in "Database File Format"
// (https://www.sqlite.org/fileformat2.html); the sections named in comments
// are of that document. Which column a value belongs to is read from the text
// of CREATE TABLE ("CREATE TABLE", https://www.sqlite.org/lang_createtable.html).
//
// Data runs one way: pages (page.go) are walked as b-trees (btree.go), whose
// payloads are records (record.go), whose values are named by the schema
// (schema.go, create.go).
//
// It reads only, and only the file: a journal or a write-ahead log beside it
// is not looked at. Indexes, virtual tables and free pages are not read.
// Databases are hostile input: each page is visited once a walk, the payloads
// of a walk are together no longer than the file, and a record no longer than
// MaxRecord.
package sqlite
