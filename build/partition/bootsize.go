package partition

import (
	"fmt"
	"math/big"
	"regexp"
)

// BootSize is make-disk-image's option bootSize: where the boot partition
// ends, not how large it is.
//
// Make-disk-image hands the same text to two programs that read it
// differently: parted, for which M is 1,000,000 bytes give or take half of
// that, and numfmt, for which it is 1,048,576. Both readings are kept.
type BootSize struct {
	text     string
	offset   int64  // bytes, as parted reads it
	radius   uint64 // sectors that parted may move it by
	reserved int64  // bytes, as numfmt reads it
}

// DefaultBootSize is "256M".
var DefaultBootSize = mustBootSize("256M")

// String is the text that was parsed.
func (b BootSize) String() string { return b.text }

// Offset is the nominal end of the boot partition in bytes, as parted reads
// it: 256,000,000 for "256M".
func (b BootSize) Offset() int64 { return b.offset }

// Reserved is the number of bytes in front of the root partition that an
// automatic disk size allows for, as numfmt reads it: 268,435,456 for "256M".
// It is never less than what the boot partition takes.
func (b BootSize) Reserved() int64 { return b.reserved }

// Boundary is the first sector behind the boot partition: the nearest whole
// MiB where parted may move the offset that far. Aligned tells whether it is a
// whole MiB.
func (b BootSize) Boundary() (lba uint64, aligned bool) {
	centre := uint64(b.offset / SectorSize)
	if b.radius == 0 {
		return centre, centre%grain == 0
	}
	if lba, ok := snap(centre+1, b.radius); ok {
		return lba, true
	}
	return centre + 1, false // parted takes an end inclusively
}

// megabyteRadius is how far parted moves an offset in megabytes, in sectors.
const megabyteRadius = (1_000_000+2*SectorSize-1)/(2*SectorSize) - 1

// snap is the multiple of grain that is nearest to lba; ok is false where it
// is further away than radius.
func snap(lba, radius uint64) (nearest uint64, ok bool) {
	nearest = (lba + grain/2) / grain * grain
	return nearest, max(nearest, lba)-min(nearest, lba) <= radius
}

var sizePattern = regexp.MustCompile(`^([0-9]{1,15}(?:\.[0-9]{1,15})?)(s|B|[kKmMgGtT](?:i?B?))$`)

// largest offset that is taken, in bytes: what a boot record could address is
// far below, and no sum overflows.
const largest = 1 << 55

// ParseBootSize reads a number with a unit: K, M, G, T (or KB, MB, GB, TB) as
// parted and numfmt read them, KiB, MiB, GiB, TiB exactly, s for sectors of
// 512 bytes, B for bytes.
func ParseBootSize(text string) (BootSize, error) {
	m := sizePattern.FindStringSubmatch(text)
	if m == nil {
		if regexp.MustCompile(`^[0-9]+$`).MatchString(text) {
			return BootSize{}, fmt.Errorf("bootSize %q has no unit: write %sM or %sMiB", text, text, text)
		}
		return BootSize{}, fmt.Errorf("bootSize %q is no size: write a number with a unit, such as 256M, 1G or 256MiB", text)
	}
	number, _ := new(big.Rat).SetString(m[1])
	unit := m[2]
	b := BootSize{text: text}
	switch {
	case unit == "B":
		b.offset = floor(number, 1)
	case unit == "s":
		b.offset = floor(number, SectorSize)
	case len(unit) > 1 && unit[1] == 'i':
		b.offset = floor(number, power(1024, unit[0]))
	default:
		b.offset = floor(number, power(1000, unit[0]))
		b.radius = uint64(power(1000, unit[0])+2*SectorSize-1)/(2*SectorSize) - 1
		b.reserved = ceil(number, power(1024, unit[0]))
	}
	if b.offset > largest || b.offset < 0 {
		return BootSize{}, fmt.Errorf("bootSize %q is more than a disk can have", text)
	}
	if b.radius == 0 && b.reserved == 0 && (b.offset%SectorSize != 0 || !exact(number, unit)) {
		return BootSize{}, fmt.Errorf("bootSize %q is no whole number of sectors of %d bytes", text, SectorSize)
	}
	boundary, _ := b.Boundary()
	b.reserved = max(b.reserved, int64(boundary)*SectorSize)
	return b, nil
}

func mustBootSize(text string) BootSize {
	b, err := ParseBootSize(text)
	if err != nil {
		panic(err)
	}
	return b
}

// power is base to the power that a unit's letter stands for.
func power(base int64, letter byte) int64 {
	n := int64(1)
	for i := range "kmgt" {
		n *= base
		if "kmgt"[i] == letter|0x20 {
			break
		}
	}
	return n
}

// product is number times unit, or more than largest where it overflows.
func product(number *big.Rat, unit int64) *big.Rat {
	return new(big.Rat).Mul(number, new(big.Rat).SetInt64(unit))
}

func floor(number *big.Rat, unit int64) int64 {
	p := product(number, unit)
	q := new(big.Int).Quo(p.Num(), p.Denom())
	if !q.IsInt64() {
		return -1
	}
	return q.Int64()
}

func ceil(number *big.Rat, unit int64) int64 {
	n := floor(number, unit)
	if n >= 0 && !product(number, unit).IsInt() {
		n++
	}
	return n
}

// exact tells whether a number of a unit that parted takes exactly is a whole
// number of bytes, and of sectors where that is the unit.
func exact(number *big.Rat, unit string) bool {
	switch {
	case unit == "B" || unit == "s":
		return number.IsInt()
	case len(unit) > 1 && unit[1] == 'i':
		return product(number, power(1024, unit[0])).IsInt()
	}
	return true
}
