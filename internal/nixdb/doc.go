// Package nixdb writes the database in which Nix keeps what its store holds,
// /nix/var/nix/db/db.sqlite, for a store that is made without Nix: the same
// bytes for the same paths, each time.
//
// Two formats meet in it. The file is an SQLite database ("Database File
// Format", https://www.sqlite.org/fileformat2.html, whose sections the comments
// name). What stands in it is Nix's schema 10 (src/libstore/schema.sql, in use
// from Nix 1.11 to the present): ValidPaths, Refs and DerivationOutputs, with
// their indexes and their trigger. The experimental tables for
// content-addressed derivations are not part of it; Nix adds them when asked.
//
// Nothing in the file comes from the machine: paths have their numbers by the
// order in which they are given, and all were registered one second after
// 1970 began, as files in the store are dated.
//
// Data runs from a list of paths to bytes. Rows become records (record.go),
// records become b-trees, filled from left to right (btree.go), and their
// pages become the file (write.go). It refuses a list that Nix would take for
// damaged: a path or a reference that is given twice, and a reference to what
// is not in the list.
package nixdb
