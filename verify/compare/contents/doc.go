// Package contents compares what two files hold, apart from how a filesystem
// stores them: where they first differ, by how much, and as text.
//
// Data runs one way: two readers in, a Difference out. Sizes come from images
// that anybody may have made; memory is bounded by the buffer and by the
// largest text that is diffed.
package contents
