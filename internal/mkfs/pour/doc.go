// Package pour writes a file's content to its place in a filesystem: read
// through the tree's Content, its holes passed over, and without the blocks
// that are all zeros, so that a sparse image stays sparse.
//
// What is skipped depends on the bytes alone and not on where the source keeps
// holes. A source that is shorter than its inode says is an error.
package pour
