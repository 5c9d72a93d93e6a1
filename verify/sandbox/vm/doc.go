// Package vm runs a part of this program in a virtual machine that sees this
// host's files, read-only, where the host has them.
//
//	host                                 guest
//	Run ── initramfs, job ─► kernel ──► init: this program (Task)
//	 ├─ QEMU ◄──── events ───────────────┤ what it prints, its reply
//	 ├─ virtiofsd ◄─ the host's files ───┤ the guest's root
//	 └─ a file without a name ◄──────────┘ the only disk, an ext4
//
// What the guest leaves on its disk is read with package ext4 when the machine
// is off: nothing of it is ever mounted here.
//
// The files come to the guest in one of two ways (share.go), by the first that
// can be had; which one it was, Result says. With virtiofs a daemon serves them,
// in a mount namespace in which everything is read-only (readonly.go), so that
// no guest can write a file of the host's, whatever becomes of its kernel. With
// 9p QEMU serves them, and opens nothing for writing.
//
//	            needs of the kernel    of the host
//	virtiofs    virtiofs               virtiofsd, as root; its newer, Rust
//	                                   version with --readonly also as others
//	9p          9p, 9pnet_virtio       nothing: QEMU does it
//
// Nothing is left of a run, however it ends: QEMU and the daemon end with the
// thread that has started them, disk and initramfs have no names.
package vm
