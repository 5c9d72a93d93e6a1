package ext4

import "github.com/reprodisk/reprodisk/internal/ondisk/field"

// mustOffset is the offset of a field that a declaration of this package is
// known to have. Code on a hot path reads single fields by such offsets
// instead of decoding the structure, so that the declaration stays the only
// place that knows where a field is.
func mustOffset(f field.Field, ok bool) int {
	if !ok {
		panic("ext4: a field is missing from its declaration")
	}
	return f.Offset
}
