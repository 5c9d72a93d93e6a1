// Package split opens a disk image, finds its partitions, lists them as
// `fdisk -l` and `sfdisk -J` do, and writes each to a file of its own as
// `dd skip=START count=SECTORS` would.
//
// Data runs from Open, which tells an image's format by its content, to
// Image.Table, which reads the GPT or the MBR, to Table.Text, Table.JSON and
// Extract. What an image holds is not trusted: a damaged table is a warning,
// never a crash.
//
// Only raw images and block devices are read so far. Other formats are refused
// by name. What filesystem a partition holds is not looked at here.
package split
