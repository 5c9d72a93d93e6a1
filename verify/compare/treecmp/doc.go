// Package treecmp compares two trees of files, whatever the format of the
// filesystems that hold them. A format's own package (squashcmp, isocmp, …)
// brings a Reader for each side and a Format, adds what differs in its
// superblock or descriptors, and says which finding a differing byte belongs
// to.
//
// The order of work, one file each:
//
//   - tree.go: both trees at once, paired by path; what is on one side only;
//   - content.go: what regular files hold;
//   - settle.go: what moved together becomes one finding, and what follows
//     from what;
//   - show.go: values as they are shown;
//   - catalog.go: remedies that no format changes.
//
// A tree that cannot be read is not compared in part: one warning says why
// (Failed), and its format gives the bytes that are no known field's to that
// one finding.
package treecmp
