// Package installers makes, for tests, the root folder of a small Linux system
// that has the real installers of boot loaders in it: grub-install for BIOS and
// for EFI, and bootctl of systemd-boot. All of it is this machine's own.
//
// The system has a shell (busybox), users, and one script for each way to
// install a loader. It starts a kernel that its caller puts at /boot/vmlinuz,
// with the archive /boot/initrd.
package installers
