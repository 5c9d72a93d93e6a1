// Package split opens a disk image, finds its partitions, lists them as
// `fdisk -l` and `sfdisk -J` do, and writes each to a file of its own as
// `dd skip=START count=SECTORS` would.
//
// Data runs from Open, which tells an image's format by its content, to
// Image.Table, which reads the GPT or the MBR, to Table.Text, Table.JSON and
// Extract. What an image holds is not trusted: a damaged table is a warning,
// never a crash.
//
// container.go lists the formats that are read, and those that are refused by
// name: a new one is one line there. A disk out of any format is the same to
// all that follows; what its file says beside the disk is Image.Metadata. A
// file that an image names is opened only where OpenOptions allow it, and only
// in the image's own folder or below. The extents that a VMDK's descriptor
// lists are the image itself: they are opened beside the descriptor.
//
// What filesystem a partition holds is not looked at here.
package split
