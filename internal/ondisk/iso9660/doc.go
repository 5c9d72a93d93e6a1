// Package iso9660 reads ISO 9660 filesystems: their volume descriptors, the
// trees of directory records with Rock Ridge or Joliet names, and where each
// record, field and file lies.
//
// The format is specified by ECMA-119 (ISO 9660), sections 6 to 9: descriptors
// 8, directory records 9.1, path tables 9.4; the system use fields by SUSP
// 1.12 and RRIP 1.12 (IEEE P1281, P1282); Joliet by "Joliet Specification";
// booting by "El Torito" 1.0. Field names are those of the Linux kernel's
// iso_fs.h where it has them, else the specification's signatures: TF, PX.
//
// Data runs one way: descriptors (struct.go, open.go) → directory records
// (record.go) with their system use fields (susp.go) → directories (dir.go).
// A file is one or more plain ranges of bytes, so there is nothing to unpack.
//
// The bytes are not trusted: no size is allocated unchecked, continuation
// areas and directories are read against a budget that grows with the image,
// and nothing outside of the image is asked for. Every error is a *Error that
// tells the byte offset.
//
// Refused: High Sierra, logical blocks other than 512, 1024 or 2048 bytes;
// interleaved files are listed, but their content is not read. Of both-endian
// numbers the little-endian half counts, as it does for the Linux kernel.
package iso9660
