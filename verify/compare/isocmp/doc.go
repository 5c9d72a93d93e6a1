// Package isocmp compares two ISO 9660 images, with Rock Ridge or Joliet or
// plain names, as internal/ondisk/iso9660 reads them.
//
// The order of work, one file each:
//
//   - region.go: what each byte of an image is for;
//   - files.go: one of an image's trees, for package treecmp;
//   - compare.go: the volume descriptors and the boot catalog;
//   - owner.go: the finding that a differing byte belongs to;
//   - catalog.go: causes and remedies.
//
// An ISO 9660 filesystem stores everything plainly, and each byte has its
// field. Where a tree cannot be read, one warning says why, and the differing
// bytes that are no descriptor's are one finding.
package isocmp
