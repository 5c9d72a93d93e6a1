// Package vhdx reads Hyper-V's disk images (VHDX 1): dynamic and fixed ones.
// Differencing images, which hold only what differs from a parent, are refused
// by name, and so is an image whose log has to be replayed first: what its
// tables say is not yet what they should, and `qemu-img check -r all` puts
// that right.
//
// The format is specified by Microsoft's [MS-VHDX]: 2.2 "Header Section", 2.3
// "Log", 2.5 "Block Allocation Table", 2.6 "Metadata Region". Fields have its
// names.
//
// A file is an identifier, two headers of which the one with the higher
// SequenceNumber holds, two copies of a table of regions, the log, and the two
// regions: the metadata and the BAT, a table with a 64-bit entry for every
// block. After each 2^23 sectors of the disk the BAT has an entry for a bitmap
// of sectors, which only differencing images use. Data run from Open, which
// reads all that, to ReadAt and NextData. Images are not trusted.
package vhdx
