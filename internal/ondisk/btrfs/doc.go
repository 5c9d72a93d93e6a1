// Package btrfs declares the structures of btrfs, and reads filesystems on one
// device: superblock, chunks, trees, the folders and files of all subvolumes
// and snapshots, and files' content, compressed or not.
//
// The format is specified by include/uapi/linux/btrfs_tree.h of the Linux
// kernel and btrfs-dev-docs' "On-disk Format". Names are theirs, without the
// prefix btrfs_. internal/mkfs/mkbtrfs writes with these declarations.
//
// Data runs one way: structures (struct.go, key.go) → superblock and trees
// (open.go, tree.go), whose addresses are logical and go through the chunks
// (chunk.go) → nodes (node.go) → items (cursor.go) → inodes and names
// (inode.go), content (file.go, compress.go). fields.go names the bytes of a
// node, down to the fields of each item, and of a superblock.
//
// The bytes are not trusted. A node is read where it says it lies, is of the
// level and begins with the key that lead to it, and has items that fill it in
// order; keys rise through a tree. So no walk takes longer than the device has
// nodes. Of a node that is stored twice the copy counts whose checksum is
// right; a checksum that is wrong in both is counted and not an error, as the
// use of this package is to tell what differs. Every error is an *Error that
// tells the byte offset, or the reader's own.
//
// Refused by name: more than one device, RAID profiles, the features ZONED,
// EXTENT_TREE_V2 and RAID_STRIPE_TREE, encrypted extents. A log that was not
// replayed is listed among the trees, and not applied.
package btrfs
