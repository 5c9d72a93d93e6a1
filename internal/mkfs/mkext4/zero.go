package mkext4

import "bytes"

var zeroBlock [blockSize]byte

// allZero tells whether a block holds nothing but zeros, and so becomes a
// hole.
func allZero(b []byte) bool { return bytes.Equal(b, zeroBlock[:len(b)]) }
