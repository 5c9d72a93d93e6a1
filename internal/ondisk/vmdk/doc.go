// Package vmdk reads VMware's disk images: monolithicSparse, streamOptimized,
// monolithicFlat, twoGbMaxExtentSparse, twoGbMaxExtentFlat, and vmfs where its
// extents are flat. Images with a parent, ESX's COWD and seSparse extents and
// physical disks are refused by name.
//
// The format is specified by VMware's "Virtual Disk Format 1.1" technical
// note: "The Descriptor File", "Hosted Sparse Extents", "Stream-Optimized
// Compressed Sparse Extents". Fields have its names. The bit for grains of
// zeros is described in QEMU's block/vmdk.c.
//
// An image is a text, the descriptor, and one or more extents. A sparse extent
// is a header, a grain directory that points at grain tables that point at
// grains, of 64 KiB mostly, the tables often twice; the descriptor of a
// monolithic one is inside of it. A stream-optimised extent's grains are
// compressed, each behind a marker, and what would be in the header may follow
// in a footer. Data run from Open, which reads all tables, to ReadAt and
// NextData. Images are not trusted: the names of extents are those of regular
// files in the descriptor's own folder, or refused.
package vmdk
