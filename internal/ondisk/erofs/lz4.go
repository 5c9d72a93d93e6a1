package erofs

import "errors"

var errLZ4 = errors.New("lz4: damaged")

// lz4Front unpacks a block of LZ4 until dst is full, and tells how much it
// holds: mkfs.erofs refers to the front of a block, and before Linux 5.3 it did
// not say where one ends. The format is "LZ4 Block Format Description".
func lz4Front(dst, src []byte) (int, error) {
	length := func(n int) (int, bool) {
		if n != 15 {
			return n, true
		}
		for len(src) > 0 {
			b := src[0]
			src = src[1:]
			n += int(b)
			if b != 255 {
				return n, true
			}
		}
		return 0, false
	}
	n := 0
	for len(src) > 0 {
		token := src[0]
		src = src[1:]
		literals, ok := length(int(token >> 4))
		if !ok {
			return n, errLZ4
		}
		literals = min(literals, len(dst)-n)
		if literals > len(src) {
			return n, errLZ4
		}
		n += copy(dst[n:], src[:literals])
		src = src[literals:]
		if n == len(dst) || len(src) == 0 {
			return n, nil
		}
		if len(src) < 2 {
			return n, errLZ4
		}
		distance := int(src[0]) | int(src[1])<<8
		src = src[2:]
		match, ok := length(int(token & 15))
		if !ok || distance == 0 || distance > n {
			return n, errLZ4
		}
		const minMatch = 4
		for range min(match+minMatch, len(dst)-n) {
			dst[n] = dst[n-distance]
			n++
		}
		if n == len(dst) {
			return n, nil
		}
	}
	return n, nil
}
