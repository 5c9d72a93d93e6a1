// Package erofscmp compares two EROFS images.
//
// The order of work, one file each:
//
//   - files.go: an EROFS as a tree for package treecmp;
//   - region.go: what each byte of one is for;
//   - compare.go: the superblock, the compressors' configurations, the forms of
//     inodes, and what lies elsewhere;
//   - owner.go: the finding that a differing byte belongs to; record.go: one in
//     an inode, its attributes, or a directory;
//   - catalog.go: causes and remedies.
//
// An EROFS stores its metadata plainly, so each byte of that has its field.
// Content may be packed: then a file's bytes are all its own, unless several
// files share them, as fragments do.
//
// It is read by our own decoder, internal/ondisk/erofs. What that does not read,
// it refuses by name: where a tree cannot be read, one warning says why, and the
// differing bytes behind the superblock are one finding; where a file's content
// cannot, such as one on an extra device, a warning says so.
package erofscmp
