// Package blockmap is the table of blocks that the sparse disk image formats
// share: VDI's block map, VHD's and VHDX's BAT, VMDK's grain tables. Each says
// for every block of the virtual disk where in the file it lies, or that it
// lies nowhere and reads as zeros.
//
// A format's reader hands the entries of its table to a Builder, in the order
// of the disk. Neighbours in the disk that are neighbours in the file become
// one run, so what was written in one go is read in one go, and a Map takes 16
// bytes a run, whatever the disk's size. A finished Map does not change and is
// safe for concurrent use.
//
// Tables come from hostile files. A block that would lie behind the file's end
// is refused, as are more blocks than the file has room for, which is what a
// table that names the same block over and over comes to: so a disk is never
// more than its file can hold, and holes.
package blockmap
