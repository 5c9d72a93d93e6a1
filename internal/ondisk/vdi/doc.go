// Package vdi reads VirtualBox's disk images (VDI 1.1): dynamic ones and fixed
// ones. Undo and differencing images, which hold only what changed since
// another image, are refused by name.
//
// The format is specified by VirtualBox's src/VBox/Storage/VDICore.h. Fields
// have its names, but for the four UUIDs, which QEMU's block/vdi.c and
// everybody who reads about them call uuid_image (uuidCreate), uuid_last_snap
// (uuidModify), uuid_link (uuidLinkage) and uuid_parent (uuidParentModify).
//
// A file is a header, a block map with a 32-bit entry for every block of the
// disk, and the blocks in the order in which they were first written. Data run
// from Open, which reads the header and the map, to ReadAt and NextData, which
// only look at the map in memory. Images are not trusted.
package vdi
