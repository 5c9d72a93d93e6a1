// Package btrfscmp compares two btrfs filesystems, each on one device.
//
// The order of work, one file each:
//
//   - compare.go: both sides opened, and the steps below in turn;
//   - super.go: the superblock and its mirrors, field by field;
//   - files.go: the folders of all subvolumes and snapshots as one tree of
//     paths, which package treecmp compares: names, inodes, contents;
//   - items.go: all other trees, paired by key, and the fields of their items;
//   - region.go: what each byte of a side is for: a copy of a superblock, a
//     node of a tree, a file's extent, or nothing;
//   - owner.go, leaf.go: the finding that a differing byte belongs to;
//   - catalog.go: causes and remedies.
//
// Everything in a btrfs that is no file points somewhere: at nodes, extents,
// transactions. So there are few findings of a cause of their own: what
// differs in the files; identifiers and times that mkfs.btrfs draws; the
// options of a filesystem. Addresses, sizes, counters, generations and
// checksums follow from these where any of them differs, and are findings of
// their own only where none does.
//
// A node is stored twice by default. A byte of the second copy belongs to
// whom it belongs to in the first, as long as the two copies of each side are
// the same.
//
// What cannot be read (damage; a feature or profile that
// internal/ondisk/btrfs refuses) is not compared in part: one warning says
// why, and the differing bytes outside of the superblocks are one finding.
package btrfscmp
