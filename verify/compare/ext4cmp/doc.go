// Package ext4cmp compares two ext2, ext3 or ext4 filesystems: what they mean
// first, then who owns each differing byte.
//
// The order of work, one file each:
//
//   - super.go: the superblock field by field, its backups, the checksum seed;
//   - walk.go: both trees at once, paired by path; what is on one side only;
//   - inode.go: the inodes of a pair, field by field;
//   - content.go: what regular files hold;
//   - dir.go: the order of directories, and what lies in their blocks;
//   - xattr.go: extended attributes by name;
//   - group.go: group descriptors and bitmaps;
//   - xattrshow.go: attributes' values as getfacl and getcap show them;
//   - journal.go: the journal's superblock and its log;
//   - special.go: MMP block, orphan file, quota files, values in inodes of
//     their own, content in inodes;
//   - settle.go: what moved together becomes one finding, and what follows
//     from what;
//   - owner.go: the finding that a differing byte belongs to.
//
// What follows from what: a checksum follows whatever it covers, and the UUID
// (or s_checksum_seed) that it starts from. Sizes, block counts and maps follow
// content; bitmaps and counts follow what was added, removed, grown or placed
// elsewhere; the order of hashed directories follows the hash seed; backups
// follow the primary copy; a copy in the journal follows what owns the same
// byte of the block that it is a copy of; a time that moved alone, in a file whose content or
// a directory whose entries differ, follows those.
//
// Field names are the kernel's, as package ext4 declares them. A file that no
// path leads to is shown as debugfs shows it: <8>.
package ext4cmp
