// Package forensic turns two compared images into what an examiner files: a
// differential DFXML document, a body file for mactime, and a folder with what
// differs, taken out of both images.
//
// Data runs one way: volume reads each filesystem as a tree; Compare joins two
// trees path by path and keeps the files that differ, with digests of their
// contents (case.go; compare.go, join.go, content.go, renames.go); WriteDFXML
// (dfxml.go, dfxmlfile.go), WriteBodyfile and Extract (extract.go, extractfile.go,
// ranges.go, safename.go) render them. Examine does so for a report, and refuses
// images that are no longer those of a saved one. Log is the account of what was
// read, for the same file.
//
// The formats:
//
//   - DFXML as dfxml.xsd of the DFXML working group has it, version
//     2.0.0-beta.0, with the attributes and elements of the namespace
//     "Forensic_Disk_Differencing" as idifference2 of the dfxml tools
//     (make_differential_dfxml) writes them. What DFXML has no element for
//     (extended attributes, flags, device numbers, an image's name and format)
//     stands in a namespace of our own, where the schema allows any.
//   - The body file of The Sleuth Kit 3.0 and later:
//     MD5|name|inode|mode_as_string|UID|GID|size|atime|mtime|ctime|crtime.
//
// A file counts as changed where its name, metadata or content differ. One
// that merely lies at other blocks, or has another inode number, is counted,
// not listed: it is the same file.
//
// What is read costs what differs: contents are read where the scan of the
// disks has found differences, or where they lie elsewhere, and digests are
// made of changed, new and deleted files only. Images are opened for reading
// only, and may be hostile: no name in them decides where a file is written, no
// number in them how much memory is taken, and nothing in them how long it
// takes but by what they really hold.
package forensic
