package format

import (
	"context"
	"errors"
	"fmt"

	"github.com/reprodisk/reprodisk/internal/ondisk/container"
	"github.com/reprodisk/reprodisk/internal/ondisk/qcow2"
	"github.com/reprodisk/reprodisk/internal/ondisk/vdi"
	"github.com/reprodisk/reprodisk/internal/ondisk/vhd"
	"github.com/reprodisk/reprodisk/internal/ondisk/vmdk"
)

// Kind is a format by the name that make-disk-image's option of that name has
// for it, or that follows its manner.
type Kind string

// The kinds.
const (
	Raw         Kind = "raw" // which needs no writer
	QCOW2       Kind = "qcow2"
	QCOW2Packed Kind = "qcow2-compressed"
	VDI         Kind = "vdi"
	VHD         Kind = "vpc"
	VMDK        Kind = "vmdk"
	Zstd        Kind = "zst" // the raw disk, compressed
	Xz          Kind = "xz"  // the raw disk, compressed
)

// Kinds are all kinds, raw first.
var Kinds = []Kind{Raw, QCOW2, QCOW2Packed, VDI, VHD, VMDK, Zstd, Xz}

// FileName is the name of the file in the output folder, as make-disk-image
// has it.
func FileName(k Kind) string {
	const name = "nixos."
	switch k {
	case Raw:
		return name + "img"
	case QCOW2Packed:
		return name + "qcow2"
	case VHD:
		return name + "vhd"
	case Zstd, Xz:
		return name + "img." + string(k)
	}
	return name + string(k)
}

// IDs is what a format stores that neither the disk nor the format decides.
type IDs struct {
	Image    [16]byte // of the image: VDI and VHD
	Snapshot [16]byte // of its last change: VDI
	CID      uint32   // content identifier: VMDK
	Time     int64    // seconds since 1970: VHD
}

// File is what an image is written to. It is empty at first.
type File interface {
	WriteAt(b []byte, off int64) (int, error)
	Truncate(size int64) error
}

// Write writes the disk into the file. Disk and file are used from several
// goroutines at a time. Progress, which may be nil, is told how many bytes of
// the disk are behind, out of how many. The disk stays open.
//
// An error is the disk's or the file's own, or names what the format cannot
// hold, or is ctx.Err() where ctx ended.
func Write(ctx context.Context, f File, disk container.Disk, k Kind, ids IDs, progress func(done, total int64)) error {
	if k == Raw {
		return errors.New("a raw disk needs no writer")
	}
	if err := Check(k, disk.Size()); err != nil {
		return err
	}
	s := &stream{ctx: ctx, disk: disk, file: f, progress: progress}
	switch k {
	case QCOW2:
		return writeQCOW2(s)
	case QCOW2Packed:
		return writePackedQCOW2(s)
	case VDI:
		return writeVDI(s, ids)
	case VHD:
		return writeVHD(s, ids)
	case VMDK:
		return writeVMDK(s, ids)
	case Zstd:
		return writeZstd(s)
	default:
		return writeXz(s)
	}
}

const sector = 512 // bytes

// Check says why a format cannot hold a disk of size bytes; nil where it can.
func Check(k Kind, size int64) (err error) {
	if size <= 0 || size%sector != 0 {
		return fmt.Errorf("a disk of %d bytes is not one of whole sectors of 512 bytes", size)
	}
	switch k {
	case Raw, Zstd, Xz:
	case QCOW2, QCOW2Packed:
		const most = qcow2.MaxL1Bytes / 8 * tableWords * cluster
		if size > most {
			err = fmt.Errorf("qcow2 with clusters of 64 KiB holds up to %d bytes, not a disk of %d", int64(most), size)
		}
	case VDI:
		_, err = vdi.NewDynamic(size, [16]byte{}, [16]byte{})
	case VHD:
		_, _, err = vhd.EncodeDynamic(size, 0, [16]byte{})
	case VMDK:
		_, err = vmdk.NewMonolithic(size, FileName(VMDK), 0)
	default:
		err = fmt.Errorf("there is no writer for images of the format %q", string(k))
	}
	return err
}
