// Package volume reads filesystems that the comparers know (ext2, ext3, ext4, FAT,
// squashfs, ISO 9660, EROFS, XFS, btrfs) as one kind of tree: objects with their
// metadata in the order of their paths, where their content lies, and the
// content itself.
//
// It decodes nothing of its own: walk.go and a file for each of the formats
// turn what the readers in internal/ondisk say into Objects. What a
// filesystem does not store is marked as not there, and never made up, but for
// the numbers that The Sleuth Kit gives to objects without an inode: those are
// made as it makes them, so that its tools find the same objects.
//
// Objects come in one order from all of them: a directory before what it
// holds, names by their bytes. So two trees are compared side by side, without
// keeping either in memory: Order is that order.
//
// Volumes may be damaged or hostile. What cannot be read is left out and said
// in Problems; walks are bounded in depth, in length of path and in number.
package volume
