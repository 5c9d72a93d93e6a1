// Package unpack takes a file out of gzip, xz or zstd and puts it into a
// temporary one, so that it can be read at any place.
//
// The formats are specified in RFC 1952 (gzip), "The .xz File Format" 1.1.0
// and RFC 8878 (zstd). A file may be of several gzip members, xz streams or
// zstd frames one behind another, as those specifications allow.
//
// Data runs from the compressed file, front to back, through one of gzip.go,
// xz.go and zstd.go, into sparse.go, which leaves zeros out. What the file
// says beside its content (times, names, checks) comes out as fields.
//
// Refused: a file that ends too early, one with anything behind its end, one
// whose checks do not hold, xz filters other than LZMA2, zstd dictionaries,
// and what wants more than 128 MiB of memory to be unpacked. The temporary
// file has no name, so nothing is left behind however the program ends.
package unpack
