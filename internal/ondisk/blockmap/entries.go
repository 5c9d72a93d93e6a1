package blockmap

import (
	"fmt"

	"github.com/reprodisk/reprodisk/internal/ondisk/container"
)

// piece is how many bytes of a table are read at a time.
const piece = 64 << 10

// Entries reads a table of count entries of size bytes each, which begins at
// byte off of the file, and hands over each with its number. With sparse, an
// entry of zeros means nothing and is left out where the file has a hole: a
// table of terabytes that was never written costs nothing. The table must lie
// inside the file.
func Entries(file container.Disk, off, count, size int64, sparse bool, each func(n int64, entry []byte) error) error {
	buf := make([]byte, min(piece/size, max(count, 1))*size)
	for n := int64(0); n < count; {
		if sparse {
			at := off + n*size
			from, to, err := file.NextData(at)
			if err != nil {
				return err
			}
			if from >= to {
				return nil
			}
			if n += (from - at) / size; n >= count {
				return nil
			}
		}
		b := buf[:min(int64(len(buf)), (count-n)*size)]
		if err := ReadFull(file, b, off+n*size); err != nil {
			return err
		}
		for ; len(b) > 0; b = b[size:] {
			if err := each(n, b[:size]); err != nil {
				return fmt.Errorf("entry %d at byte %d: %w", n, off+n*size, err)
			}
			n++
		}
	}
	return nil
}
