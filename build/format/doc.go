// Package format writes a disk into a file of one of the disk image formats:
// QEMU's qcow2, VirtualBox's VDI, Microsoft's VHD, VMware's VMDK, and as raw
// disk compressed with zstd or xz.
//
// The same disk gives the same bytes, whatever holes its file has, however many
// processors there are and whenever it is written: what the formats keep for a
// moment or for chance, times and identifiers, is given by the caller.
//
// Data run one way: stream.go reads the disk front to back, a piece at a time
// and past its holes, several pieces at once; a format's own file decides, in
// order, where in the file each piece goes. Zeros are stored nowhere. Memory is
// that of the pieces under way, some 100 MiB at the most, and in qcow2 with
// compression two bytes for each 64 KiB of the file.
//
// The structures are those that internal/ondisk/qcow2, vdi, vhd and vmdk
// declare and read; their packages name the specifications. zstd: RFC 8878. xz:
// "The .xz File Format" 1.1.0.
//
// Refused: disks that are no whole sectors of 512 bytes, and those that are
// larger than the format can hold. Differencing images, snapshots and fixed
// images are not written.
package format
