package normalize

import (
	"context"
	"io"

	"github.com/reprodisk/reprodisk/internal/tree"
)

// ReadExt4 is what an ext4 filesystem of size bytes holds, for whoever writes
// it anew. Files' contents are read from r when they are wanted. Where the
// filesystem cannot be written anew without a loss, the error says why.
func ReadExt4(ctx context.Context, r io.ReaderAt, size int64) (*tree.Node, error) {
	v, err := readExt4(ctx, r, size)
	if err != nil {
		return nil, err
	}
	return v.tree, nil
}

// ReadFAT is the same of a FAT filesystem.
func ReadFAT(ctx context.Context, r io.ReaderAt, size int64) (*tree.Node, error) {
	v, err := readFAT(ctx, r, size)
	if err != nil {
		return nil, err
	}
	return v.tree, nil
}
