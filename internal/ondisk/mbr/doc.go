// Package mbr reads the master boot record, the partition table in a disk's
// first 512 bytes, with the chain of extended boot records that hold its
// logical partitions.
//
// The record is specified as the "legacy MBR" and the "protective MBR" in the
// UEFI specification, sections 5.2.1 and 5.2.3; names of fields are UEFI's.
// The chain of extended boot records has no standard of its own: it is read
// as fdisk and Linux read it (types 0x05, 0x0f and 0x85).
//
// Data runs from an io.ReaderAt to a Table. What is damaged becomes a warning
// of the Table, not an error; an error is a failure to read. A sector that
// merely ends in 55 AA, as the boot sector of a filesystem does, is not taken
// for a table: see Classify.
//
// Not read: BSD disk labels, Minix and Solaris subpartitions inside a
// partition, and the geometry in StartingCHS and EndingCHS, which nothing
// uses any more.
package mbr
