// Package erofs declares the structures of EROFS, the kernel's enhanced
// read-only filesystem, as far as an uncompressed one has them.
//
// The format is specified by fs/erofs/erofs_fs.h of the Linux kernel and
// Documentation/filesystems/erofs.rst, "On-disk details". Names are theirs.
//
// Nothing here decodes a filesystem: internal/mkfs/mkerofs writes with these
// declarations. Compressed inodes, chunks, extra devices and shared extended
// attributes are not declared.
package erofs
