package split

import (
	"bytes"
	"errors"
	"io"
)

// format is a kind of image that is told by its content.
type format struct {
	name   string
	offset int64 // of the magic bytes; counted from the end where it is negative
	magic  string
	remedy string
}

const (
	convert = "convert it with `qemu-img convert -O raw`"
	unpack  = "decompress it with "
)

// formats that are refused by name. A fixed VHD is a raw disk with a footer
// behind it; taking it for raw would make its disk 512 bytes too long.
var formats = []format{
	{"qcow2", 0, "QFI\xfb\x00\x00\x00\x02", convert},
	{"qcow2", 0, "QFI\xfb\x00\x00\x00\x03", convert},
	{"qcow", 0, "QFI\xfb", convert},
	{"QED", 0, "QED\x00", convert},
	{"VDI", 0x40, "\x7f\x10\xda\xbe", convert},
	{"VHD", 0, "conectix", convert},
	{"VHD", -512, "conectix", convert},
	{"VHDX", 0, "vhdxfile", convert},
	{"VMDK", 0, "KDMV", convert},
	{"VMDK", 0, "COWD", convert},
	{"VMDK", 0, "# Disk DescriptorFile", convert},
	{"gzip-compressed", 0, "\x1f\x8b\x08", unpack + "`gzip -d`"},
	{"xz-compressed", 0, "\xfd7zXZ\x00", unpack + "`xz -d`"},
	{"zstd-compressed", 0, "\x28\xb5\x2f\xfd", unpack + "`zstd -d`"},
	{"bzip2-compressed", 4, "1AY&SY", unpack + "`bzip2 -d`"},
}

// sniff names the format of an image that is not raw, with what to do about
// it; both are empty for anything else.
func sniff(r io.ReaderAt, size int64) (name, remedy string, err error) {
	for _, f := range formats {
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
			return "", "", err
		}
		if bytes.Equal(b[:n], []byte(f.magic)) && (f.name != "VDI" || isVDI(r)) {
			return f.name, f.remedy, nil
		}
	}
	return "", "", nil
}

// isVDI checks the text that every VDI begins with: four bytes inside a raw
// disk's boot code prove too little.
func isVDI(r io.ReaderAt) bool {
	b := make([]byte, 4)
	_, err := r.ReadAt(b, 0)
	return err == nil && string(b) == "<<< "
}
