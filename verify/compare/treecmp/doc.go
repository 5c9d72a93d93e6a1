// Package treecmp compares two images of a read-only filesystem: squashfs and
// ISO 9660.
//
// The order of work, one file each:
//
//   - tree.go: both trees at once, paired by path; what is on one side only;
//   - content.go: what regular files hold;
//   - settle.go: what moved together becomes one finding, and what follows
//     from what;
//   - squashfs.go: a squashfs as such a tree, its superblock, and the finding
//     that a differing byte belongs to;
//   - iso.go: an ISO 9660 filesystem as such a tree, and its descriptors;
//   - isoregion.go, isoowner.go: what each byte of one is for, and the finding
//     that a differing byte belongs to;
//   - catalog.go: causes and remedies.
//
// A squashfs packs everything but its superblock, so a differing byte cannot be
// laid at one file's door unless it lies in a file's own data blocks. All other
// bytes are one consequence of whatever differs in the trees; where the trees
// are equal, they are one finding about how the blocks were packed. An ISO 9660
// filesystem stores everything plainly, and each byte has its field.
//
// Both are read by our own decoders, internal/ondisk/squashfs and iso9660.
// go-diskfs 1.9.4 was tried for it: it loses setuid, setgid and sticky bits and
// device numbers, fails on lz4, panics where an inode has three or more
// extended attributes, does not bound what a block unpacks to, and does not
// tell where in the image a value stands. It is a second opinion in the tests.
//
// A filesystem whose tree cannot be read is not compared in part: one warning
// says why, and the differing bytes behind its superblock or descriptors are
// one finding.
package treecmp
