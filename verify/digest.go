package verify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/reprodisk/reprodisk/internal/patherr"
)

// digestOf is the SHA-256 of an output, "sha256:…": of a file's bytes, or of a
// folder's entries in order of their names, each with its type, whether it can
// be executed, and its content. Two outputs of the same digest compare as
// equal. most bounds the bytes that are read; 0 does not.
func digestOf(ctx context.Context, path string, most int64) (digest string, size int64, err error) {
	h := sha256.New()
	d := &digester{ctx: ctx, h: h, left: most, bounded: most > 0}
	fi, err := os.Stat(path)
	if err != nil {
		return "", 0, patherr.At(path, err)
	}
	if !fi.IsDir() {
		err = d.file(path)
	} else {
		err = filepath.WalkDir(path, func(name string, e fs.DirEntry, err error) error {
			if err != nil {
				return patherr.At(name, err)
			}
			return d.entry(path, name, e)
		})
	}
	if err != nil {
		return "", d.size, err
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), d.size, nil
}

type digester struct {
	ctx     context.Context
	h       hash.Hash
	size    int64
	left    int64
	bounded bool
}

// errTooMuch says that more bytes would have to be read than are worth it.
var errTooMuch = fmt.Errorf("too large to be read for its digest")

func (d *digester) entry(root, name string, e fs.DirEntry) error {
	if err := d.ctx.Err(); err != nil {
		return err
	}
	rel, err := filepath.Rel(root, name)
	if err != nil {
		return patherr.At(name, err)
	}
	fi, err := e.Info()
	if err != nil {
		return patherr.At(name, err)
	}
	fmt.Fprintf(d.h, "%q %v %v\n", rel, fi.Mode().Type(), fi.Mode().IsRegular() && fi.Mode()&0o111 != 0)
	switch fi.Mode().Type() {
	case 0:
		fmt.Fprintf(d.h, "%d\n", fi.Size())
		return d.file(name)
	case fs.ModeSymlink:
		target, err := os.Readlink(name)
		if err != nil {
			return patherr.At(name, err)
		}
		fmt.Fprintf(d.h, "%q\n", target)
	}
	return nil
}

func (d *digester) file(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return patherr.At(name, err)
	}
	defer f.Close()
	buf := make([]byte, 1<<20)
	for {
		if err := d.ctx.Err(); err != nil {
			return err
		}
		n, err := f.Read(buf)
		d.h.Write(buf[:n])
		d.size += int64(n)
		if d.left -= int64(n); d.bounded && d.left < 0 {
			return errTooMuch
		}
		switch err {
		case nil:
		case io.EOF:
			return nil
		default:
			return patherr.At(name, err)
		}
	}
}
