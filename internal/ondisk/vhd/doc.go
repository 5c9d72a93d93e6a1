// Package vhd reads the disk images of Microsoft's Virtual PC, Virtual Server
// and Hyper-V before VHDX, which QEMU calls vpc: fixed and dynamic ones.
// Differencing images, which hold only what differs from another image, are
// refused by name.
//
// The format is specified by Microsoft's "Virtual Hard Disk Image Format
// Specification" 1.0 (October 2006): "Hard Disk Footer Format", "Dynamic Disk
// Header Format", "Block Allocation Table and Data Blocks". Fields have its
// names without their blanks. How large the disk is, which the specification
// leaves open where the geometry and the size disagree, is decided as QEMU's
// block/vpc.c does.
//
// A fixed image is the disk with a footer behind it. A dynamic one is a copy
// of the footer, a header, a table (the BAT) with a 32-bit entry for every
// block, the blocks, each behind a bitmap of its sectors, and the footer. Data
// run from Open, which reads all but the blocks, to ReadAt and NextData. As
// QEMU, they take a sector's bytes as they are, whatever the bitmap says.
// Images are not trusted.
package vhd
