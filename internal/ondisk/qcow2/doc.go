// Package qcow2 reads QEMU's copy-on-write disk images, versions 2 and 3.
//
// The format is specified in QEMU's docs/interop/qcow2: "Header", "Header
// extensions", "Cluster mapping", "Extended L2 Entries" and "Snapshots". Where
// a name is not in that text (a snapshot's fields), it is that of QEMU's own
// declaration.
//
// Data runs from Open, which decodes the header and its extensions and checks
// them, through the L1 and L2 tables (table.go), which turn a place on the
// disk into a place in the file, to ReadAt and NextData. Image.Metadata lists
// what the file says beside the disk.
//
// Refused by name: encrypted images, unknown incompatible features, a backing
// file or an external data file unless the caller opens it. The bytes of
// internal snapshots and of bitmaps are not read; their entries are listed.
//
// The file is not trusted. Tables and clusters are read in pieces through
// small caches, so the memory in use is some 32 MiB at the most, whatever the
// header says. A cluster that lies past the end of the file is an error here,
// though QEMU reads zeros there: a truncated image is not a sparse one.
package qcow2
