// Package inspect reads every field of an image's partition tables and of its
// filesystems' superblocks, group descriptors and boot sectors: where each lies,
// what it is called in the specification, what it holds.
//
// Data runs: Image reads the tables through package split and the volumes
// through the packages in internal/ondisk, and gives an Inspection, which is
// plain data. CrossCheck compares parts of it with what another library reads
// from the same bytes.
//
// A checksum is recomputed from the bytes and compared with the stored one.
// Files and directories are not listed, and a filesystem that internal/ondisk
// does not read is only named. A damaged structure is a warning of the
// Inspection, not an error.
package inspect
