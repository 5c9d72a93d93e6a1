package split

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/reprodisk/reprodisk/internal/ondisk/container"
	"github.com/reprodisk/reprodisk/internal/ondisk/vdi"
	"github.com/reprodisk/reprodisk/internal/ondisk/vhd"
	"github.com/reprodisk/reprodisk/internal/ondisk/vhdx"
	"github.com/reprodisk/reprodisk/internal/ondisk/vmdk"
	"github.com/reprodisk/reprodisk/internal/unpack"
)

// format is a kind of image that is told by its content.
type format struct {
	name   string // for a person
	offset int64  // of the magic bytes; counted from the end where it is negative
	magic  string
	check  func(r io.ReaderAt, size int64) bool // what else must hold; nil: nothing
	open   opener                               // nil: the format is refused by name
	remedy string                               // what to do about a format that is refused
}

// opener opens an image of one format. The image takes the file over, and its
// Close closes it; where there is an error, the caller does.
type opener func(context.Context, *source) (container.Image, error)

// source is the file of an image that is to be opened: its bytes, its size and
// its holes, and what may be read beside it.
type source struct {
	container.Disk
	place
	opt OpenOptions
}

const (
	convert = "convert it with `qemu-img convert -O raw`"
	expand  = "decompress it with "
)

// formats is every kind that is told from a raw disk, in the order in which
// they are looked for. One with an opener is read, one without is refused. A
// fixed VHD is a raw disk with a footer behind it; taking it for raw would
// make its disk 512 bytes too long.
func formats() []format {
	return []format{
		{name: "qcow2", magic: "QFI\xfb\x00\x00\x00\x02", open: openQcow2},
		{name: "qcow2", magic: "QFI\xfb\x00\x00\x00\x03", open: openQcow2},
		{name: "qcow", magic: "QFI\xfb", remedy: convert},
		{name: "QED", magic: "QED\x00", remedy: convert},
		{name: "VDI", offset: 0x40, magic: "\x7f\x10\xda\xbe", check: isVDI, open: alone(vdi.Open)},
		{name: "VHD", magic: vhd.Cookie, open: alone(vhd.Open)},
		{name: "VHD", offset: -512, magic: vhd.Cookie, check: vhd.EndsWithFooter, open: alone(vhd.Open)},
		{name: "VHDX", magic: vhdx.Signature, open: alone(vhdx.Open)},
		{name: "VMDK", magic: vmdk.Magic, open: openVMDK},
		{name: "VMDK", magic: "COWD", remedy: convert},
		{name: "VMDK", magic: vmdk.DescriptorMagic, open: openVMDK},
		{name: "gzip-compressed", magic: unpack.Gzip.Magic(), open: openPacked(unpack.Gzip)},
		{name: "xz-compressed", magic: unpack.Xz.Magic(), open: openPacked(unpack.Xz)},
		{name: "zstd-compressed", magic: unpack.Zstd.Magic(), open: openPacked(unpack.Zstd)},
		{name: "bzip2-compressed", offset: 4, magic: "1AY&SY", remedy: expand + "`bzip2 -d`"},
	}
}

// sniff finds the format of an image; it is nil for a raw one.
func sniff(r io.ReaderAt, size int64) (*format, error) {
	for _, f := range formats() {
		off := f.offset
		if off < 0 {
			off += size
		}
		if off < 0 {
			continue
		}
		b := make([]byte, len(f.magic))
		n, err := r.ReadAt(b, off)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if bytes.Equal(b[:n], []byte(f.magic)) && (f.check == nil || f.check(r, size)) {
			return &f, nil
		}
	}
	return nil, nil
}

// isVDI checks the text that every VDI begins with: four bytes inside a raw
// disk's boot code prove too little.
func isVDI(r io.ReaderAt, _ int64) bool {
	b := make([]byte, 4)
	_, err := r.ReadAt(b, 0)
	return err == nil && string(b) == "<<< "
}
