package mkext4

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/internal/tree"
)

// complaint is content whose reader gives all that was asked for and an error
// with it, as io.ReaderAt allows.
type complaint struct {
	bytes []byte
	from  int64 // reads that end behind this offset complain
	err   error
}

type complaintReader struct {
	memoryReader
	complaint
}

func (c complaint) Open() (tree.Reader, error) {
	return complaintReader{memoryReader{bytes.NewReader(c.bytes)}, c}, nil
}

func (r complaintReader) Read(p []byte) (int, error) {
	n, err := r.memoryReader.Read(p)
	if err == nil && r.Len() == 0 {
		err = r.err
	}
	return n, err
}

func (r complaintReader) ReadAt(p []byte, off int64) (int, error) {
	n, err := r.memoryReader.ReadAt(p, off)
	if err == nil && off+int64(n) > r.from {
		err = r.err
	}
	return n, err
}

func TestErrorWithAFullRead(t *testing.T) {
	broken := errors.New("input/output error")
	for _, size := range []int{1000, aheadBytes, aheadBytes + 1, 3<<20 + 5} {
		for _, err := range []error{broken, io.EOF} {
			i := inode(tree.Regular | 0o644)
			i.Size, i.Content, i.Origin = int64(size), complaint{text(1, size), int64(size) - 1, err}, "/src/victim"
			root := dir("", file("a", text(2, 100)), &tree.Node{Name: "b", Inode: i})
			_, got := Write(context.Background(), discard{}, root, options(64<<20))
			switch {
			case err == io.EOF && got != nil:
				t.Errorf("%d bytes: the end of the file is taken for an error: %v", size, got)
			case err == broken && (!errors.Is(got, broken) || !strings.Contains(got.Error(), "/src/victim")):
				t.Errorf("%d bytes: error %v, want %v of /src/victim", size, got, broken)
			}
		}
	}
}

// TestErrorBehindTheEnd has a source that can be read up to its size only.
func TestErrorBehindTheEnd(t *testing.T) {
	broken := errors.New("input/output error")
	i := inode(tree.Regular | 0o644)
	i.Size = aheadBytes + 1
	reads := 0
	i.Content = failing{bytes: text(1, int(i.Size)), onRead: func() error {
		if reads++; reads > 1 {
			return broken
		}
		return nil
	}}
	_, err := Write(context.Background(), discard{}, dir("", &tree.Node{Name: "a", Inode: i}), options(64<<20))
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), fmt.Sprint(i.Size)) {
		t.Errorf("error %v, want %v at offset %d", err, broken, i.Size)
	}
}

// TestFailureInABatch has one file fail, wherever in a batch it stands; the
// others are of sizes that fill batches by number and by bytes.
func TestFailureInABatch(t *testing.T) {
	broken := errors.New("input/output error")
	for _, size := range []int{1, blockSize, aheadBytes} {
		for _, at := range []int{0, 1, batchFiles - 1, batchFiles, batchFiles + 1, 5*batchFiles - 1} {
			var kids []*tree.Node
			for n := range 5 * batchFiles {
				f := file(fmt.Sprintf("%04d", n), make([]byte, size))
				if f.Origin = "/src/" + f.Name; n == at {
					f.Content = failing{openErr: broken}
				}
				kids = append(kids, f)
			}
			_, err := Write(context.Background(), discard{}, dir("", kids...), options(64<<20))
			if want := fmt.Sprintf("/src/%04d", at); !errors.Is(err, broken) || !strings.Contains(err.Error(), want) {
				t.Errorf("%d bytes each: error %v, want one of %s", size, err, want)
			}
		}
	}
}
