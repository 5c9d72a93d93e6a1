// Package mkerofs writes a tree as an EROFS filesystem, read-only and not
// compressed, in one pass, onto a target that reads as zeros.
//
// The structures are those of internal/ondisk/erofs, and what mkfs.erofs of
// erofs-utils 1.5 writes without -z: blocks of 4 KiB, the superblock's
// checksum, times of modification, no chunks and no shared attributes. Linux
// 5.4 and later mount it.
//
// The bytes follow from the tree and the Options alone. Inodes stand in the
// order of the tree, a directory before what is in it, each with its extended
// attributes and the end of its data behind it where those fit into one block
// together; a place is sought in the blocks begun last, and so the metadata
// has few gaps. Whole blocks of directories and files follow the metadata in
// the same order. Blocks of zeros are left out of the image, but not of the
// filesystem: it has no holes.
//
// Data runs one way: a plan gives each inode its place and its blocks
// (plan.go), then directories, attributes and content are written there
// (write.go).
//
// Refused: extended attributes outside of user., trusted., security. and POSIX
// ACLs, or more than 64 KiB a value; filesystems of 16 TiB and more.
package mkerofs
