// Package ext4 declares the on-disk structures of ext2, ext3 and ext4, their
// checksums and hashes, and reads such filesystems.
//
// Specification: the Linux kernel's Documentation/filesystems/ext4 ("ext4
// Data Structures and Algorithms") with fs/ext4/ext4.h, ext4_extents.h,
// xattr.h, acl.c, hash.c and include/linux/jbd2.h; e2fsprogs'
// lib/ext2fs/csum.c, dirhash.c and ext_attr.c where the kernel's text is
// silent. Names of fields and constants are the kernel's. All structures are
// little endian, except the journal's (jbd2), which are big endian.
//
// Data runs one way: a Superblock is decoded first, Open builds an FS from
// it, and everything else (inodes, extents, directories, attributes, the
// account of regions) is read through the FS. Nothing here writes to a disk;
// a writer encodes the same declarations.
//
// An image is untrusted. Every size and number from disk is checked against
// the volume before it is used, recursion is bounded, and what is damaged is
// reported as a Problem with its byte offset while the rest stays readable.
//
// Refused: big-endian ext2 of Linux/m68k before 1999, compressed files (the
// e2compr patches), external journal devices as filesystems, and revisions
// above 1. Encrypted names and case-folded directories are read as stored.
package ext4
