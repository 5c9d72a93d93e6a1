// Package normalize writes a disk anew without what is nondeterministic about
// it, whoever built it: what strip-nondeterminism is for packages, it is for
// disk images.
//
// Data runs one way: the tables and filesystems of an opened image are read
// into a plan, with internal/tree as what a filesystem holds; times are
// clamped, traces of the making removed, identifiers derived where that is
// asked for; then each part is
// written by the writers that build has as well (internal/mkfs/mkext4, mkfat).
// The result depends on what the image's filesystems show when they are
// mounted, on the partition table and on the Options, on nothing else: not on
// where files lie, on inode numbers, on the journal, on what free blocks hold.
//
// What is not written anew is kept byte by byte, and the Account says what and
// why: filesystems that nobody here writes, those with features that a tree has
// no place for (quotas, encryption, verity, case folding), those that are
// damaged or whose journal was not replayed, and those with a boot loader in
// their first sectors, which finds its files by block numbers. So are the bytes
// between the partitions, where boot loaders are embedded, unless they are to be
// cleared.
//
// Refused: an image with a partition table that is damaged, overlapping
// partitions, and an epoch before 1980, which FAT has no time for.
//
// The formats are specified where internal/ondisk says.
package normalize
