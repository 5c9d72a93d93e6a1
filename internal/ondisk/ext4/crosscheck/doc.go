// Package crosscheck compares what package ext4 reads from a filesystem with
// what an independent library, github.com/dsoprea/go-ext4, reads from it:
// superblock, group descriptors and raw inodes, field by field, matched by
// the fields' names.
//
// The library is asked only for what it reads right, at offsets that package
// ext4 has checked: it allocates by unchecked sizes, takes every descriptor
// for 64 bytes, refuses inodes without extents, and knows no feature that is
// younger than 2018. What it cannot be asked is left out, and Result says how
// much was compared.
//
// Data runs from an open ext4.FS and its reader to a Result; nothing is
// written.
package crosscheck
