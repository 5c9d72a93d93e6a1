// Package gpt reads and encodes the GUID partition table: the header and the
// array of partition entries at the front of a disk, and their backup at its
// end.
//
// The format is specified in the UEFI specification, sections 5.3.2 (header)
// and 5.3.3 (entries); names of fields are UEFI's. Meanings of partition types
// are those of util-linux, the discoverable ones from the UAPI group's
// Discoverable Partitions Specification.
//
// Data runs from an io.ReaderAt to a Table that keeps both copies apart, each
// with its raw bytes and with what is wrong with it, since a comparison needs
// both, and damaged ones too. Encoding fills in the checksums.
//
// Refused: arrays of more than 16 MiB, entries that are no 128·2ⁿ bytes long,
// and a header longer than its sector; such a copy is not valid. The
// protective MBR is the business of package mbr.
package gpt
