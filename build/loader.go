package build

import (
	"bytes"
	"context"

	"github.com/reprodisk/reprodisk/build/boot"
	"github.com/reprodisk/reprodisk/build/partition"
	"github.com/reprodisk/reprodisk/build/spec"
	"github.com/reprodisk/reprodisk/internal/ondisk/efivars"
)

// VariablesName is the name of the firmware's variables beside the image, as
// make-disk-image has it.
const VariablesName = "efi-vars.fd"

// placeLoader puts the boot loader's files into the trees.
func (b *builder) placeLoader(ctx context.Context) error {
	var files []boot.File
	switch b.spec.BootLoader {
	case spec.LoaderSystemdBoot:
		files = boot.SystemdBoot(b.spec)
	case spec.LoaderGRUBBIOS, spec.LoaderGRUBEFI:
		g, err := boot.NewGRUB(ctx, b.spec)
		if err != nil {
			return err
		}
		files, b.bios = g.Files, g.BIOS
	}
	return boot.Place(b.spec, b.trees, files, b.epoch.Sec)
}

// planVariables makes the firmware's variables, where the spec wants them.
func (b *builder) planVariables() error {
	if !b.spec.TouchEFIVars {
		return nil
	}
	raw, err := boot.Template(b.spec)
	if err != nil {
		return err
	}
	if o, ok := b.bootOption(); ok {
		raw, err = boot.Variables(raw, o)
	} else {
		_, err = efivars.Decode(bytes.NewReader(raw), int64(len(raw)))
	}
	if err != nil {
		return b.spec.Errorf("touchEFIVars", "%v", err)
	}
	b.variables = raw
	return nil
}

// bootOption is what the firmware is told to start; ok is false where nothing
// was installed that it could.
func (b *builder) bootOption() (o boot.Option, ok bool) {
	switch g := b.spec.GRUB; {
	case b.spec.BootLoader == spec.LoaderSystemdBoot:
		o = boot.Option{Description: "Linux Boot Manager", Path: boot.SystemdBootPath} // as bootctl calls it
	case g != nil && g.EFIParts():
		o = boot.Option{Description: "GRUB", Path: boot.EFIPath(g)}
	default:
		return o, false
	}
	o.Partition, ok = b.layout.Find(partition.ESP)
	return o, ok
}
