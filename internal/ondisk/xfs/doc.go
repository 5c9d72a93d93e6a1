// Package xfs reads an XFS filesystem of version 5: its tree, and what each of
// its bytes is for.
//
// The format is specified by "XFS Algorithms & Data Structures", chapters 10
// (allocation groups), 13 (the log), 14 (inodes), 15 (data extents),
// 16 (directories), 17 (extended attributes) and 18 (symbolic links), and by
// the kernel's fs/xfs/libxfs/xfs_format.h, xfs_da_format.h and
// xfs_log_format.h. Names are theirs.
//
// Data runs one way, a file each:
//
//   - struct.go, structag.go, structfile.go, header.go: the structures, declared
//     once, and those that each group begins with;
//   - open.go, inode.go, extent.go: the superblock, inodes, and where what
//     they hold lies;
//   - dir.go, xattr.go, file.go: what they hold;
//   - log.go: whether the log holds anything that is not yet in its place;
//   - region.go, regionfile.go: what each byte of the filesystem is for, by
//     the groups' trees and every inode that these tell of;
//   - unit.go, unitfile.go: the fields, entries, attributes and records of the
//     structure that a byte lies in.
//
// The bytes are not trusted: what they count is held against the filesystem's
// size, trees have no block twice, and the blocks that files share are read a
// bounded number of times. Every error tells the byte offset. Checksums are
// looked at only where a caller asks for that: a structure with a wrong one is
// read all the same.
//
// Refused: version 4, and zoned filesystems. Not read: what lies on a log
// device or a realtime device, which are no part of the image, and the log's
// changes that are not in their places yet.
package xfs
