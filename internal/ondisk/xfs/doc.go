// Package xfs reads as much of an XFS filesystem as it takes to find every
// inode by its path: the superblock, inodes and directories.
//
// The format is specified by "XFS Algorithms & Data Structures", chapters 10
// (allocation groups), 14 (inodes), 15 (data extents) and 16 (directories), and
// by the kernel's fs/xfs/libxfs/xfs_format.h and xfs_da_format.h. Names are
// theirs.
//
// Data runs one way: superblock and inode core (struct.go) → extents
// (extent.go) → directory entries (dir.go), through open.go.
//
// The bytes are not trusted: what they count is held against the filesystem's
// size, and a directory's blocks against a limit. Every error tells the byte
// offset. Refused: version 4, and directory blocks larger than a filesystem
// block.
package xfs
