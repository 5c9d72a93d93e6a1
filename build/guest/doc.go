// Package guest finishes a disk inside a virtual machine: what only the image's
// own system can do, such as running its boot loader's installer, runs there as
// it does in make-disk-image.
//
// The parts, and the way data runs between them:
//
//	kernel ──► initramfs ──► machine ◄──► inside
//	              ▲             │
//	             job ───────────┘ events
//
// job is what the two sides say to each other. kernel finds a kernel and the
// modules that it needs; initramfs packs them with this very program, which is
// the guest's init, and the job; machine starts QEMU (or user-mode Linux) with
// the disk, listens, and watches; inside is the part that runs in the guest.
//
// The disk is a raw image in an open file. What the guest leaves on it is as a
// Linux kernel wrote it, and never the same twice: making it so again is the
// caller's part. Nothing is left on the host when a guest ends, however it
// ends: no process, socket, mount or file.
package guest
