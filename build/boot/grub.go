package boot

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/reprodisk/reprodisk/build/partition"
	"github.com/reprodisk/reprodisk/build/spec"
	"github.com/reprodisk/reprodisk/internal/patherr"
)

// GRUB is what GRUB consists of on one disk.
type GRUB struct {
	Files []File
	BIOS  *BIOS // nil where the firmware is EFI alone
}

// place is where grub.cfg lies in a layout, and what the images that are made
// here have as their prefix. A device without a drive's number is on the drive
// that the BIOS booted from; EFI's prefix without a device is on the partition
// that the program was loaded from.
type place struct {
	on     partition.Role
	folder string
	prefix string // of core.img
}

var places = map[string]place{
	spec.TableLegacy:      {partition.Root, "/boot/grub", "(,msdos1)/boot/grub"},
	spec.TableLegacyGPT:   {partition.Root, "/boot/grub", "(,gpt2)/boot/grub"},
	spec.TableHybrid:      {partition.ESP, "/grub", "(,gpt1)/grub"},
	spec.TableEFI:         {partition.ESP, "/grub", ""},
	spec.TableEFIXBootldr: {partition.ESP, "/grub", ""},
}

// modules are what every image has that is made here: enough to read both
// tables and filesystems that an image may have, and grub.cfg, and to start
// Linux. GRUB loads what they need.
var modules = []string{
	"part_msdos", "part_gpt", "ext2", "fat",
	"normal", "configfile", "linux", "search", "search_label", "search_fs_uuid", "search_fs_file",
	"echo", "test", "ls", "serial", "terminal", "reboot", "halt",
}

// NewGRUB reads or makes GRUB's images, and tells which files it has.
func NewGRUB(ctx context.Context, s *spec.Spec) (*GRUB, error) {
	const option = "grub"
	o, where, g := s.GRUB, places[s.PartitionTableType], &GRUB{}
	if s.BootLoader == spec.LoaderGRUBBIOS {
		boot, core, err := biosImages(ctx, s, where.prefix)
		if err == nil {
			g.BIOS, err = NewBIOS(boot, core)
		}
		if err != nil {
			return nil, failed(ctx, s, err)
		}
	}
	paths := []string{removable}
	if o.EFIPath != "" {
		paths = append(paths, "/"+o.EFIPath)
	}
	switch {
	case o.EFI != "":
		g.Files = onESP(option, s.Resolve(o.EFI), nil, paths...)
	case o.EFIModulesDir != "":
		program, err := makeImage(ctx, "x86_64-efi", s.Resolve(o.EFIModulesDir), "/grub", append([]string{"all_video"}, o.Modules...))
		if err != nil {
			return nil, failed(ctx, s, err)
		}
		g.Files = onESP(option, "", program, paths...)
	}
	config := File{On: where.on, Path: where.folder + "/grub.cfg", Option: option}
	switch {
	case o.Config != "":
		config.Source = s.Resolve(o.Config)
	case o.ConfigText != "":
		config.Data = []byte(o.ConfigText)
	default:
		return g, nil
	}
	g.Files = append(g.Files, config)
	return g, nil
}

// EFIPath is what GRUB's boot option names.
func EFIPath(o *spec.GRUB) string {
	if o.EFIPath != "" {
		return "/" + o.EFIPath
	}
	return removable
}

func failed(ctx context.Context, s *spec.Spec, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return s.Errorf("grub", "%v", err)
}

func biosImages(ctx context.Context, s *spec.Spec, prefix string) (boot, core []byte, err error) {
	o := s.GRUB
	if o.ModulesDir == "" {
		if boot, err = read(s.Resolve(o.BootImg)); err == nil {
			core, err = read(s.Resolve(o.CoreImg))
		}
		return boot, core, err
	}
	dir := s.Resolve(o.ModulesDir)
	if boot, err = read(filepath.Join(dir, "boot.img")); err != nil {
		return nil, nil, err
	}
	core, err = makeImage(ctx, "i386-pc", dir, prefix, append([]string{"biosdisk"}, o.Modules...))
	return boot, core, err
}

// maxImage is more than any image of GRUB's has, in bytes: it runs below 1 MiB.
const maxImage = 1 << 20

func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, patherr.Bare(err))
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxImage+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, patherr.Bare(err))
	}
	if len(b) > maxImage {
		return nil, fmt.Errorf("%s: more than %d bytes, which no image of GRUB's for a BIOS has", path, maxImage)
	}
	return b, nil
}
