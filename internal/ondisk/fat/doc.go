// Package fat knows the FAT12, FAT16 and FAT32 filesystems: their structures
// under Microsoft's own field names, and a reader that accounts for every byte.
//
// The format is specified in Microsoft's "FAT: General Overview of On-Disk
// Format" (fatgen103: "Boot Sector and BPB", "FAT Data Structure", "FAT32
// FSInfo Sector Structure", "FAT Directory Structure", "FAT Long Directory
// Entries") and, for FAT12 and FAT16, in ECMA-107.
//
// Data runs from bytes to a tree: [Open] reads the boot sector and settles the
// geometry, [FS.Scan] reads the directories into a [Volume], whose methods
// hand out files, raw directory slots and the regions of the filesystem. A
// structure's declaration in struct.go is the only place where its offsets
// are written down.
//
// An image is hostile input. Memory is bounded by the image's size and by the
// limits in limits.go; every cluster is claimed by at most one object, so that
// loops and cross-links end; what is damaged becomes a [Problem], and the rest
// is still read. NTFS, exFAT and BitLocker volumes are refused by name, and so
// is anything whose parameter block makes no sense, a master boot record for
// one.
package fat
