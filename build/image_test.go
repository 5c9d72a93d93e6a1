package build

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// digestOf is meaning for an open file.
func digestOf(f *os.File) (string, error) {
	fi, err := f.Stat()
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintf(h, "%d bytes\n", fi.Size())
	const block = 4096
	buf, zeros := make([]byte, 256*block), make([]byte, block)
	for off := int64(0); off < fi.Size(); {
		start, err := unix.Seek(int(f.Fd()), off, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			break
		}
		if err == nil {
			off = start / block * block
		}
		n, err := f.ReadAt(buf[:min(int64(len(buf)), fi.Size()-off)], off)
		if n == 0 {
			return "", err
		}
		for at := 0; at < n; at += block {
			b := buf[at:min(at+block, n)]
			if !bytes.Equal(b, zeros[:len(b)]) {
				var place [8]byte
				binary.LittleEndian.PutUint64(place[:], uint64(off)+uint64(at))
				h.Write(place[:])
				h.Write(b)
			}
		}
		off += int64(n)
	}
	return fmt.Sprintf("%x", h.Sum(nil)), nil
}
