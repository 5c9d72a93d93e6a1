// Package squashcmp compares two squashfs images.
//
// The order of work, one file each:
//
//   - files.go: a squashfs as a tree for package treecmp;
//   - compare.go: the superblock, the compressor's options, and what all packed
//     bytes follow from;
//   - owner.go: the finding that a differing byte belongs to;
//   - catalog.go: causes and remedies.
//
// A squashfs packs everything but its superblock, so a differing byte cannot be
// laid at one file's door unless it lies in a file's own data blocks. All other
// bytes are one consequence of whatever differs in the trees; where the trees
// are equal, they are one finding about how the blocks were packed.
//
// It is read by our own decoder, internal/ondisk/squashfs. go-diskfs 1.9.4 was
// tried for it: it loses setuid, setgid and sticky bits and device numbers,
// fails on lz4, panics where an inode has three or more extended attributes,
// does not bound what a block unpacks to, and does not tell where in the image
// a value stands. It is a second opinion in the tests of that package.
//
// Where a tree cannot be read, one warning says why, and the differing bytes
// behind the superblock are one finding.
package squashcmp
