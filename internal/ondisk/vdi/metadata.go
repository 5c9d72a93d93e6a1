package vdi

import (
	"fmt"

	"github.com/reprodisk/reprodisk/internal/ondisk/container"
	"github.com/reprodisk/reprodisk/internal/ondisk/fieldlist"
)

// pin is true of `qemu-img create -f vdi -o help` of QEMU 7.2.
const pin = "made up at random when the image is made, with no option to choose it in qemu-img: overwrite its 16 bytes afterwards"

// notes on the header's fields.
var notes = fieldlist.Notes{
	"szFileInfo":                {Sort: "environment", Remedy: "names the program that made the image: make both with the same"},
	"cbHeader":                  {Sort: "environment"},
	"u32Type":                   {Sort: "environment", Remedy: "dynamic (1) or fixed (2): give qemu-img the same `-o static=`"},
	"szComment":                 {Sort: "environment"},
	"offBlocks":                 {Sort: "placement"},
	"offData":                   {Sort: "placement"},
	"cbDisk":                    {Sort: "content"},
	"cbBlock":                   {Sort: "environment"},
	"cbBlockExtra":              {Sort: "environment"},
	"cBlocks":                   {Derived: []string{"header/cbDisk", "header/cbBlock"}},
	"cBlocksAllocated":          {Derived: []string{"block map/entries"}},
	"uuid_image":                {Sort: "random", Remedy: pin},
	"uuid_last_snap":            {Sort: "random", Remedy: pin},
	"LegacyGeometry.cCylinders": {Derived: []string{"header/cbDisk"}},
	"LCHSGeometry.cCylinders":   {Derived: []string{"header/cbDisk"}},
}

// Metadata lists the header's fields and what tells the block map from others.
func (i *Image) Metadata() []container.Field {
	out := fieldlist.Of(Layout.Fields(), i.raw, 0, "header", notes)
	h := &i.header
	return append(out, container.Field{
		Structure: "block map",
		Name:      "entries",
		Value:     fmt.Sprintf("%d allocated, %d zero, %d free, order %s", i.table.Blocks(), i.zero, i.free, i.table.Digest()),
		Offset:    int64(h.OffBlocks),
		Length:    4 * int64(h.Blocks),
		Sort:      "placement",
		Remedy:    "blocks lie in the order in which they were first written: write both images in the order of the disk, as `qemu-img convert` does without -W",
	})
}
