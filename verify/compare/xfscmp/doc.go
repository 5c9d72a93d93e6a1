// Package xfscmp compares two XFS filesystems: what they mean first, then who
// owns each differing byte.
//
// The order of work, one file each:
//
//   - super.go: the superblock field by field;
//   - files.go: a filesystem as one of the two trees that package treecmp
//     compares, and the inodes that no directory leads to;
//   - settle.go: what follows from what, and what lies elsewhere;
//   - owner.go: the finding that a differing byte belongs to, by the two
//     regions that it lies in;
//   - part.go: the same by the fields, entries and records of one structure;
//   - inode.go, dir.go: those of inodes and of directories;
//   - catalog.go: causes and remedies.
//
// What follows from what: checksums follow whatever differs in the structure
// that they cover; UUIDs and labels in copies and headers follow the
// superblock; counts, trees of free space and of inodes, and the places of
// things follow what was added, removed, grown or made in another order; log
// sequence numbers and what is left in the log follow everything else.
//
// Both sides are read by our own decoder, internal/ondisk/xfs, whose names are
// the kernel's. An inode that no path leads to is shown as <129>.
//
// Refused, by a warning that says why: version 4, and what package xfs refuses
// besides. Then the superblock's fields are compared, and all other bytes are
// one finding. A log that holds changes that are not in their places is said in
// a warning; the filesystem is compared as it lies.
package xfscmp
