// Package mkbtrfs writes a tree as a btrfs filesystem on one device, complete
// and writable, onto a target that reads as zeros.
//
// The structures are those of internal/ondisk/btrfs. The filesystem has the
// shape that mkfs.btrfs of btrfs-progs 6.2 gives one: nodes of 16 KiB, sectors
// of 4 KiB, crc32c, metadata twice (DUP) and data once, no holes, skinny
// metadata, a free space tree, the subvolume of object 5 alone.
//
// Everything that could vary is an input: the bytes follow from the tree and
// the Options alone. mkfs.btrfs --rootdir takes inode numbers, their order and
// the times of change from the folder that it reads, so it never makes the
// same filesystem of two copies of a tree.
//
// Data runs one way. Inodes are numbered in the order of the tree
// (collect.go). Content is streamed into the data chunks, front to back,
// blocks of zeros left out, and what of it lies where is kept with its
// checksums (data.go). Then it is known how many blocks the trees take: they
// are built once to count and once to write, packed full, each in the order of
// its keys (tree.go, fstree.go, roots.go). Chunks follow each other on the
// device, and none covers a place of the superblock (space.go); a chunk's
// logical address is that of its first stripe on the device.
//
// Refused: extended attributes outside of user., trusted., security. and POSIX
// ACLs, and those longer than a leaf; more names of one hash in a directory
// than fit into a leaf.
package mkbtrfs
