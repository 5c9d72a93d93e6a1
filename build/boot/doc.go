// Package boot makes an image bootable without a virtual machine: it knows
// which files a boot loader consists of, where its firmware or its own first
// stage looks for them, and how GRUB for a BIOS is put between a disk's
// partitions.
//
// systemd-boot and GRUB for EFI are files on the EFI System Partition (UEFI
// Specification 2.10, section 3.5.1.1; the Boot Loader Specification of the
// UAPI group, type #1 entries, for systemd-boot's). GRUB for a BIOS is three
// stages: boot.img in the boot record, which loads one sector, the first of
// core.img, which loads the rest, which reads grub.cfg from a filesystem. The
// fields by which one stage finds the next are those of GRUB's
// include/grub/i386/pc/boot.h and include/grub/offsets.h.
//
// Variables adds a boot option to a firmware's variable store (UEFI
// Specification 2.10, sections 3.1.3 and 10.3; package efivars has the
// store's format).
//
// It refuses images that are none of GRUB's, a core image that does not fit,
// and files that the image has already. Nothing that varies gets in: no random
// seed, no machine ID, no time.
//
// Data flows from a spec's names of files to nodes of trees, and to bytes of
// the disk. The package reads the files, and calls grub-mkimage where the spec
// wants an image made.
package boot
