// Package mkfat writes a tree as a FAT12, FAT16 or FAT32 filesystem, laid out
// as mkfs.vfat of dosfstools 4.2 would lay it out on the same size.
//
// Equal trees and options give equal bytes: entries stand in the order of
// their names' bytes, clusters are handed out in that order without a gap,
// and nothing is taken from the clock, the environment or the order in which
// a source was listed. Times are stored as UTC, for FAT has no zone.
//
// Names are stored as Linux' vfat does under its default shortname=mixed: a
// name that is 8.3 and all upper case is a short entry alone; a name that is
// 8.3 but for its case keeps its upper-case form as the short name and has a
// long one beside it (DIR_NTRes stays 0); every other name has a long one and
// an alias with a numeric tail, numbered in the order of the names. Only ASCII
// goes into an alias, because the volume does not tell its code page.
//
// What FAT has no place for is dropped where nothing is lost to a reader of
// the files (owners, modes, extended attributes, and that two names were one
// file: both get a copy), and an error that names the path where something
// would be: symbolic links, devices, FIFOs, sockets, names with \ : * ? " < > |
// or control characters, with a dot or a blank at their end, with more than 255
// UTF-16 units or invalid UTF-8, two names that differ only in case, files of
// 4 GiB and more, directories of more than 65,536 slots.
//
// The boot code is a halt loop where none is given: such a partition is booted
// by firmware that reads files, or by a boot loader installed later.
//
// The format is specified where package fat says. Data runs from a tree.Node
// through a plan (names, slots, clusters) to the writer; nothing is written
// before the whole plan is known to fit.
package mkfat
