// Package fatcmp compares two FAT12, FAT16 or FAT32 filesystems: what they
// mean first, then who owns each differing byte.
//
// The order of work, one file each:
//
//   - boot.go: the boot sector field by field, FSInfo, and the copies of both;
//   - walk.go: both trees at once, paired by path; what is on one side only;
//   - entry.go: the directory entries of a pair, field by field;
//   - content.go: what files hold;
//   - dots.go: the "." and ".." entries and the volume label;
//   - settle.go: what moved together becomes one finding, and what follows
//     from what;
//   - dir.go: who owns a byte of a directory;
//   - table.go: who owns a byte of a FAT;
//   - owner.go: who owns any other byte.
//
// What follows from what: sizes, first clusters and FAT entries follow content,
// and what was added, removed or placed elsewhere; so do FSInfo's counts. The
// other copies of the FAT and of the boot sector follow the first where they
// changed alike. Short names follow the order of entries, and long names'
// checksums the short names. The times of "." and ".." follow the directory's
// own entry where they changed alike; a time that moved alone, in a file whose
// content or a directory whose entries differ, follows those. Where the
// parameter block gives another geometry, everything that lies elsewhere
// because of it follows the block's fields.
//
// Field names are Microsoft's, as package fat declares them. FAT stores local
// time without a zone; it is shown as if it were UTC.
package fatcmp
