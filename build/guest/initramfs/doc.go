// Package initramfs writes the archive that a Linux kernel unpacks as its first
// root: cpio in the format newc, as the kernel's
// Documentation/driver-api/early-userspace/buffer-format.rst specifies it, not
// compressed, since unpacking costs an emulated processor more than reading.
//
// The same entries give the same bytes: they are sorted, folders that nobody
// named are made, owner is root, times and device numbers are zero. What does
// not fit the format (a file of 4 GiB, a name with a NUL) is refused, and what
// the kernel would pass over without a word too.
//
// Program finds what a program of this machine needs beside itself to be run
// from such an archive.
package initramfs
