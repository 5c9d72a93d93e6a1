// Package btrfs declares the structures of btrfs, as far as a filesystem on
// one device has them that no snapshot, quota or compression has touched.
//
// The format is specified by include/uapi/linux/btrfs_tree.h of the Linux
// kernel and btrfs-dev-docs' "On-disk Format". Names are theirs, without the
// prefix btrfs_.
//
// Nothing here decodes a filesystem: internal/mkfs/mkbtrfs writes with these
// declarations.
package btrfs
