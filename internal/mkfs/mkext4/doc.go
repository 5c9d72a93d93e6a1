// Package mkext4 writes a complete, writable ext4 filesystem with a tree of
// files in it, in one pass, onto a target that reads as zeros.
//
// The filesystem has the shape that mkfs.ext4 -b 4096 of e2fsprogs 1.47 gives
// a volume of the same size with Debian's mke2fs.conf: the same features,
// group layout, number of inodes, journal size, reserved blocks and reserved
// group descriptors. Its structures are those of internal/ondisk/ext4;
// mke2fs(8) and the kernel's Documentation/filesystems/ext4 (sections "Block
// and Inode Allocation Policy", "Flexible Block Groups", "Hash Tree
// Directories", "Extended Attributes") say what they mean.
//
// Everything that could vary is an input. The bytes written follow from the
// tree and the Options alone: not from the clock, the host, the number of
// processors, or the order and sparseness in which a source holds its files.
//
// Data runs one way: a census of the tree (names, links, attributes,
// directory sizes) gives the number of inodes and blocks; a shape follows from
// it and from the size; a layout places the shape's tables; then the blocks
// that are left are given out in ascending order, first to the journal, then
// to directories and attributes, then to the files in the order of the tree,
// while they are read. Superblocks, descriptors and bitmaps come last. Nothing
// is moved or freed on the way, so the used blocks are the tables and all
// blocks up to a mark; what lies behind it is never written, and groups in
// which nothing is used are marked as not initialised.
//
// Placement differs from mke2fs in one point: the journal lies in front of
// the data, not in the middle of the volume, so that data is contiguous and
// the rest of the image is one hole.
//
// Refused: block sizes other than 4096, volumes of 16 TiB and more, an
// attribute that does not fit into a block of its own (ea_inode is not used),
// a directory that needs three levels of index (large_dir is not used).
package mkext4
