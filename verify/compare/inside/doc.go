// Package inside says what differs inside of two versions of one file, as far
// as the file's format is known: the time in a gzip header, the order of an
// initrd's entries, a row of a database, the section of an executable.
//
// Data runs one way: two Sources in, an Explanation out. The format is told by
// content (detect.go); a file of one format that holds files of others is
// followed to a depth of 4. Where no format is known, well-known paths
// (known.go) and recognisable pieces of text (text.go) still tell a cause.
//
// Each format has a file of its own, which begins with where it is specified.
// Larger formats have a package: internal/ondisk/sqlite, internal/ondisk/efivars.
//
// It refuses to guess: a cause other than content is given only where
// everything that differs is accounted for by it. What is damaged, encrypted,
// larger than the limits (limits.go) or in a compression that is not read
// (lz4, bzip2, xz with filters) is content.
//
// Files come from images that anybody may have made. Reading is bounded by
// limits that are counted from the input, never by the clock, so the answer
// does not depend on the machine.
package inside
