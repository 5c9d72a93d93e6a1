// Package mkxfs makes an XFS filesystem of a tree with mkfs.xfs, and then the
// same one each time.
//
// mkfs.xfs (xfsprogs 6.1) reads a prototype: names, types, owners and the files
// that hold the content, for which root is not needed. All that it takes from
// anywhere else but its arguments is the clock's time, in the inodes: so each
// inode is found by its path afterwards, and gets the tree's times, and the
// owners and permissions that a prototype cannot say, with a new checksum.
// What is free, and in which order blocks are given out, follows from the order
// of the prototype, which is the tree's.
//
// The bytes follow from the tree, the Options and the version of mkfs.xfs.
//
// A prototype has no place for blanks in names and targets, for sockets, hard
// links and extended attributes. Hard links become files of their own; the
// others are refused by their path.
package mkxfs
