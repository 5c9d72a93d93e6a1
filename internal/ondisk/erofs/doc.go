// Package erofs reads EROFS, the kernel's enhanced read-only filesystem: its
// superblock, its tree, its files' content and where each lies; and it declares
// the structures that internal/mkfs/mkerofs writes.
//
// The format is specified by fs/erofs/erofs_fs.h of the Linux kernel and
// Documentation/filesystems/erofs.rst, "On-disk details"; how the indexes of
// compressed files are read, by fs/erofs/zmap.c. Names are theirs.
//
// Data runs one way: superblock (struct.go, open.go) → inodes (inode.go) →
// directories (dir.go), extended attributes (xattr.go), and the extents of an
// inode's data (extent.go, index.go) → content (file.go). unpack.go unpacks
// extents through the standard library's DEFLATE, klauspost's zstd, ulikunitz's
// lzma and pierrec's lz4; lz4.go unpacks the front of an LZ4 block, which that
// library does not.
//
// The bytes are not trusted. Nothing is unpacked beyond the size that the
// kernel allows an extent. What many inodes may share is counted against
// budgets that grow with the filesystem: entries of indexes, attributes and
// targets, unpacked bytes. Every error about the bytes is a *Error that tells
// the byte offset.
//
// Refused by name: features that Linux 6.15 and later have beyond these (block
// addresses of 48 bits with their index of extents, compressed metadata),
// directory blocks of several blocks, and content that lies on an extra device.
package erofs
