// Package partition lays a disk out as make-disk-image does for each of its
// partitionTableType values, and writes the partition table.
//
// The layouts come from nixpkgs' nixos/lib/make-disk-image.nix. What counts is
// not its text but what parted 3.5 and sgdisk 1.0.9 make of it, so that images
// line up sector by sector; where that cannot be meant, as in legacy+gpt, whose
// root partition never gets rootGPUID, the documented behaviour is kept
// instead. Tests run the real commands and compare.
//
// Data runs from ParseBootSize and Plan, which are pure, to Write, which lets
// go-diskfs write the table and then sets what go-diskfs cannot set. Nothing
// here is random or looks at a clock: the GUIDs are constants or given, and
// the same layout always gives the same bytes.
//
// Sectors have 512 bytes. No boot code is written: parted's own, in a legacy
// image, only prints that there is no operating system, and a boot loader's
// installer replaces it.
package partition
