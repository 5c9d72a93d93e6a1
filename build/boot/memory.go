package boot

import (
	"bytes"

	"github.com/reprodisk/reprodisk/internal/tree"
)

// memory is a file's content that was made here.
type memory []byte

// Open implements tree.Content.
func (m memory) Open() (tree.Reader, error) { return memoryReader{bytes.NewReader(m)}, nil }

type memoryReader struct{ *bytes.Reader }

func (memoryReader) Close() error { return nil }
