package inspect

import (
	"fmt"
	"strings"

	"github.com/reprodisk/reprodisk/internal/ondisk/erofs"
	"github.com/reprodisk/reprodisk/internal/ondisk/field"
)

// erofs reads the superblock, and what it says of algorithms and devices behind
// itself.
func (v *volume) erofs() {
	sb, raw, err := erofs.ReadSuperblock(v.r)
	if err != nil {
		v.warn(v.number, "%v", err)
		return
	}
	s := Structure{
		Partition: v.number, Format: "erofs", Name: "superblock", Offset: v.base + erofs.SuperOffset, Length: int64(len(raw)),
		Fields: fields(erofs.SuperblockLayout.Fields(), raw, v.base+erofs.SuperOffset, nil, erofsNote(sb)),
	}
	if sb.FeatureCompat&erofs.FeatureCompatChecksum != 0 {
		if c, ok := v.erofsChecksum(sb); ok {
			s.Checksum = checksum("checksum", uint64(sb.Checksum), uint64(c), 4)
		}
	}
	v.add(s)
	fs, err := erofs.Open(v.r, v.size)
	if err != nil {
		v.warn(v.number, "%v", err)
		return
	}
	for _, c := range fs.Configs() {
		if b, ok := v.bytes(c.Start, c.End-c.Start, "configuration of "+erofs.AlgorithmName(c.Algorithm)); ok {
			v.add(Structure{
				Partition: v.number, Format: "erofs", Name: "configuration", Index: erofs.AlgorithmName(c.Algorithm), Offset: v.base + c.Start, Length: int64(len(b)),
				Fields: fields(c.Fields, b, v.base+c.Start, nil, nil),
			})
		}
	}
	start, n := fs.Devices()
	size := int64(erofs.DeviceSlotLayout.Size())
	for i := range int64(n) {
		at := start + i*size
		b, ok := v.bytes(at, size, "device slot")
		if !ok {
			return
		}
		v.add(Structure{
			Partition: v.number, Format: "erofs", Name: "device slot", Index: fmt.Sprint(i + 1), Offset: v.base + at, Length: size,
			Fields: fields(erofs.DeviceSlotLayout.Fields(), b, v.base+at, nil, nil),
		})
	}
}

// erofsChecksum computes the superblock's checksum from its block.
func (v *volume) erofsChecksum(sb erofs.Superblock) (sum uint32, ok bool) {
	f, _ := erofs.SuperblockLayout.Named("checksum")
	b, ok := v.bytes(erofs.SuperOffset, sb.SummedEnd()-erofs.SuperOffset, "block of the superblock")
	if !ok {
		return 0, false
	}
	clear(f.Slice(b))
	return erofs.Checksum(b), true
}

// erofsNote says what a superblock's codes mean.
func erofsNote(sb erofs.Superblock) func(field.Field, []byte) string {
	compat, incompat := sb.FeatureNames()
	return func(f field.Field, _ []byte) string {
		switch f.Name {
		case "feature_compat":
			return strings.Join(compat, " ")
		case "feature_incompat":
			return strings.Join(incompat, " ")
		case "available_compr_algs":
			return sb.CompressionNote()
		case "blkszbits":
			if sb.BlockBits < 32 {
				return fmt.Sprintf("%d bytes", int64(1)<<sb.BlockBits)
			}
		}
		return ""
	}
}
