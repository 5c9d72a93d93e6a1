package unpack

import (
	"bytes"
	"errors"
	"fmt"
	"hash"
	"io"
)

const block = 4096 // bytes of the smallest hole

var zeros [block]byte

// writeError is one of the temporary file's, to be told from the source's.
type writeError struct{ error }

// take writes out all that r gives, and returns how much that was. The sums,
// if any, are updated.
func (j *job) take(r io.Reader, sums ...hash.Hash) (n int64, err error) {
	for {
		if len(j.buf) == cap(j.buf) {
			if err := j.flush(); err != nil {
				return n, writeError{err}
			}
		}
		got, err := r.Read(j.buf[len(j.buf):cap(j.buf)])
		fresh := j.buf[len(j.buf):][:got]
		for _, s := range sums {
			s.Write(fresh)
		}
		j.buf = j.buf[:len(j.buf)+got]
		n += int64(got)
		j.written += int64(got)
		if j.written > j.limit {
			return n, writeError{fmt.Errorf("the content is longer than the %d bytes that are allowed", j.limit)}
		}
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

// flush writes the buffer, which begins at a multiple of a block, and leaves
// its zeros out.
func (j *job) flush() error {
	if err := j.ctx.Err(); err != nil {
		return err
	}
	at := j.written - int64(len(j.buf))
	for b := j.buf; len(b) > 0; {
		n := 0
		for n < len(b) && !zero(b[n:min(n+block, len(b))]) {
			n = min(n+block, len(b))
		}
		if n > 0 {
			if j.stored += int64(n); j.stored > j.room {
				return fmt.Errorf("the content does not fit into %s, which has room for %d bytes: set TMPDIR to another folder", j.dir, j.room)
			}
			if _, err := j.out.WriteAt(b[:n], at); err != nil {
				return err
			}
		}
		skip := min(n+block, len(b)) // what ended the loop is zeros, or the end
		at += int64(skip)
		b = b[skip:]
	}
	j.buf = j.buf[:0]
	return nil
}

func zero(b []byte) bool { return bytes.Equal(b, zeros[:len(b)]) }
