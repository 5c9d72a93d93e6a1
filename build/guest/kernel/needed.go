package kernel

// Needed are the modules that a guest needs under this kernel: the bus, the
// disk, the port of its events and the filesystems of the image; efiVariables
// adds the filesystem of the firmware's variables.
//
// FAT's names are read through the kernel's code page 437 and written through
// the character set that the kernel was configured with (CONFIG_FAT_DEFAULT_…
// of its fs/fat/Kconfig): ascii at Debian, iso8859-1 or utf8 elsewhere. Which
// one it is nobody says, so all that are there are taken.
func (k Kernel) Needed(efiVariables bool) []Want {
	var want []Want
	if k.Arch != UM { // its disks and consoles are the program's own
		want = append(want, Want{Name: "virtio_pci"}, Want{Name: "virtio_blk"}, Want{Name: "virtio_console"}, Want{Name: "virtio_rng", Optional: true})
	}
	want = append(want, Want{Name: "ext4"}, Want{Name: "vfat"}, Want{Name: "nls_cp437"},
		Want{Name: "nls_ascii", Optional: true}, Want{Name: "nls_iso8859-1", Optional: true}, Want{Name: "nls_utf8", Optional: true})
	if efiVariables {
		want = append(want, Want{Name: "efivarfs"})
	}
	return want
}
