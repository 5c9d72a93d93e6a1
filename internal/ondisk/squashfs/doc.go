// Package squashfs reads squashfs 4.0, the compressed read-only filesystem:
// its superblock, its tree, its files' content and where each lies.
//
// The format is specified by fs/squashfs/squashfs_fs.h of the Linux kernel
// and Documentation/filesystems/squashfs.rst, "Squashfs filesystem design";
// the compressors' options by squashfs-tools, *_wrapper.h. Names are theirs.
//
// Data runs one way: superblock (struct.go) → tables in metadata blocks
// (meta.go, table.go) → inodes (inode.go) → directories (dir.go), extended
// attributes (xattr.go) and content (file.go). compress.go unpacks blocks
// through the standard library's zlib, klauspost's zstd, ulikunitz's lzma and
// pierrec's lz4.
//
// The bytes are not trusted. A block is never unpacked beyond the size that
// its kind may have; a dictionary larger than the format allows is refused;
// the blocks that a walk may unpack are counted against a budget that grows
// with the filesystem, so that tables that point at each other end. Every
// error is a *Error that tells the byte offset.
//
// Refused by name: versions before 4.0 and big-endian ones, lzma compression,
// and xz with filters for machine code (-Xbcj).
package squashfs
