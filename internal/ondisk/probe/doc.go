// Package probe names what a range of bytes holds: which filesystem, swap
// space, encrypted volume or member of an array, with its label, its
// identifier and its version, as "blkid -p" of util-linux names them.
//
// Each format is known by a signature: bytes at a fixed place, confirmed by
// the fields around them. The table in signatures.go declares them once, in
// the order in which they are asked. Where the places are specified:
//
//   - ext2, ext3, ext4, jbd: Linux, Documentation/filesystems/ext4, "Super Block"
//   - vfat: Microsoft, "FAT: General Overview of On-Disk Format" (fatgen103), sections 3 and 6
//   - exfat: Microsoft, "exFAT file system specification", sections 3.1 and 7.3
//   - ntfs: the Linux-NTFS documentation, "$Boot" and "$Volume"
//   - iso9660: ECMA-119, section 8.4; Joliet: ECMA-119 supplementary descriptors
//   - udf: ECMA-167, parts 2 and 3, and OSTA UDF 2.60, section 2.2
//   - hfs, hfsplus: Apple, "Inside Macintosh: Files", and TN1150, "Volume Header"
//   - apfs: Apple File System Reference, "nx_superblock_t"
//   - crypto_LUKS: "LUKS On-Disk Format" 1.2.3 and "LUKS2 On-Disk Format" 1.1.1
//   - LVM2_member: LVM2, lib/format_text/layout.h; linux_raid_member: Linux, md_p.h
//   - all others: the structure of the superblock in the Linux kernel or in the format's own tools
//
// Data runs from an io.ReaderAt to an Info. The bytes are not trusted: at most
// 256 KiB of them are read, nothing is allocated by a size that they state,
// and no check of theirs is needed to stay inside the range.
//
// Not named: partition tables (packages mbr and gpt), ZFS, bcachefs, the
// arrays of disk controllers, and formats that nobody has written for decades.
// A checksum is verified only where a format is too weakly marked without it,
// so that a damaged filesystem still has a name. An array of metadata version
// 0.90 whose partition ends where the disk ends looks the same from the disk
// as from the partition: ask about the disk's table first.
package probe
