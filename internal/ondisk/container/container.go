// Package container is what the disk image formats have in common: a virtual
// disk that can be read at any place and tells where its holes are, and what
// the file says about itself beside the disk.
//
// The formats are packages of their own, one each (qcow2, vdi, vhd, vmdk,
// vhdx), which return these types. The package imports nothing of this
// project.
package container

import "io"

// Disk is the virtual disk inside an image.
type Disk interface {
	io.ReaderAt
	io.Closer
	// Size is the disk's length in bytes.
	Size() int64
	// NextData is the first range of bytes at or behind off that may hold
	// anything but zeros. At the end it returns start == end == Size.
	NextData(off int64) (start, end int64, err error)
}

// Field is one value that an image's file holds beside the disk: of a header,
// a footer, a table of clusters. Two images of equal disks that differ here
// differ as files.
type Field struct {
	Structure string // "header", "footer", "snapshot", "cluster table"
	Name      string // the format's own name for it
	Value     string // for a person
	Offset    int64  // where it is stored, in bytes of the file
	Length    int64
	// Derived names the fields, as "structure/name", that this one follows
	// from: a checksum, a copy. Empty for the others.
	Derived []string
	// Sort is what makes such a value differ: time, random, placement,
	// environment, content, or empty where it is not known.
	Sort string
	// Remedy says how to pin it; may be empty.
	Remedy string
}

// Image is an opened image of one of the formats.
type Image interface {
	Disk
	// Format is the format's name as `qemu-img info` prints it: qcow2, vdi,
	// vpc, vmdk, vhdx.
	Format() string
	// Metadata lists what the file says beside the disk, in order of its
	// structures. The list is bounded, whatever the file says.
	Metadata() []Field
	// Warnings lists what is damaged or doubtful and could be lived with.
	Warnings() []string
}
