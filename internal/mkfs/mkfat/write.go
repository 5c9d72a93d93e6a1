package mkfat

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/reprodisk/reprodisk/internal/ondisk/fat"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// Write makes the filesystem in the first opt.Size bytes of w, which must read
// as zeros: only what is not zero is written, so that a sparse file stays
// sparse, and nothing at all before the plan is known to fit. The files'
// content is streamed. A tree that does not fit is a *SpaceError, where space
// is what is missing.
func Write(ctx context.Context, w io.WriterAt, root *tree.Node, opt Options) (Info, error) {
	if err := opt.setDefaults(); err != nil {
		return Info{}, err
	}
	p, err := newPlan(root, &opt)
	if err != nil {
		return Info{}, err
	}
	l, err := chooseLayout(&opt)
	if err != nil {
		return Info{}, unwrapLayout(err)
	}
	if err := p.fits(l); err != nil {
		return Info{}, err
	}
	next := p.allocate(l)
	wr := writer{ctx: ctx, w: w, l: l, p: p, opt: &opt}
	if err := wr.all(next); err != nil {
		return Info{}, err
	}
	return wr.info(next), nil
}

// unwrapLayout drops what only the search for a size needs.
func unwrapLayout(err error) error {
	if e, ok := err.(*layoutError); ok {
		return e.err
	}
	return err
}

type writer struct {
	ctx  context.Context
	w    io.WriterAt
	l    *layout
	p    *plan
	opt  *Options
	done int64 // bytes of content
	buf  []byte
}

func (w *writer) all(next uint32) error {
	if err := w.reserved(next); err != nil {
		return err
	}
	if err := w.tables(next); err != nil {
		return err
	}
	for _, d := range w.p.dirs {
		if err := w.directory(d); err != nil {
			return err
		}
	}
	for _, f := range w.p.files {
		if err := w.content(f); err != nil {
			return err
		}
	}
	return w.ctx.Err()
}

// put writes b at a byte offset.
func (w *writer) put(b []byte, off int64, what string) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	if _, err := w.w.WriteAt(b, off); err != nil {
		return fmt.Errorf("fat: writing %s at byte %d: %w", what, off, err)
	}
	return nil
}

func (w *writer) clusterOffset(c uint32) int64 {
	return w.l.dataStart()*w.l.sector + int64(c-2)*w.l.clusterSize()
}

// Sectors of FAT32's reserved area, as every formatter places them.
const (
	infoSector   = 1
	backupSector = 6
)

// reserved writes the boot sector, FAT32's FSInfo, and the copies of both.
func (w *writer) reserved(next uint32) error {
	boot := w.bootSector()
	if err := w.put(boot, 0, "the boot sector"); err != nil || w.l.variant != fat.FAT32 {
		return err
	}
	info := fat.FSInfoLayout.Encode(&fat.FSInfo{
		LeadSig: fat.LeadSig, StrucSig: fat.StrucSig, TrailSig: fat.TrailSig,
		FreeCount: w.free(next),
		// The last cluster handed out, from which a driver looks onwards.
		NxtFree: next - 1,
	})
	for _, s := range []struct {
		sector int64
		b      []byte
		what   string
	}{
		{infoSector, info, "the FSInfo sector"},
		{backupSector, boot, "the backup boot sector"},
		{backupSector + infoSector, info, "the backup FSInfo sector"},
	} {
		if err := w.put(s.b, s.sector*w.l.sector, s.what); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) free(next uint32) uint32 { return uint32(w.l.clusters) + 2 - next }

// haltLoop is the boot code: hlt, and back to it.
var haltLoop = []byte{0xF4, 0xEB, 0xFD}

func (w *writer) bootSector() []byte {
	l := w.l
	bpb := fat.BPB{
		JmpBoot: [3]byte{0xEB, 0x3C, 0x90}, BytsPerSec: uint16(l.sector), SecPerClus: uint8(l.spc),
		RsvdSecCnt: uint16(l.reserved), NumFATs: numFATs, RootEntCnt: uint16(l.rootSlots),
		Media: l.media, FATSz16: uint16(l.fatSize), SecPerTrk: uint16(l.perTrack), NumHeads: uint16(l.heads),
		HiddSec: w.opt.HiddenSectors,
	}
	copy(bpb.OEMName[:], fmt.Sprintf("%-8s", w.opt.OEMName))
	if l.total < 1<<16 {
		bpb.TotSec16 = uint16(l.total)
	} else {
		bpb.TotSec32 = uint32(l.total)
	}
	ext := fat.Extended{BootSig: fat.ExtBootSig, VolID: w.opt.VolumeID, VolLab: label(w.opt.Label, "NO NAME")}
	if l.media == 0xF8 {
		ext.DrvNum = 0x80
	}
	copy(ext.FilSysType[:], fmt.Sprintf("%-8s", l.variant))
	if l.variant != fat.FAT32 {
		bs := fat.BootSector16{BPB: bpb, Extended: ext, Signature: fat.BootSignature}
		copy(bs.BootCode[:], w.opt.BootCode)
		return fat.BootSector16Layout.Encode(&bs)
	}
	bpb.JmpBoot[1] = 0x58
	bpb.FATSz16 = 0
	bs := fat.BootSector32{BPB: bpb, Extended: ext, Signature: fat.BootSignature, BPB32: fat.BPB32{
		FATSz32: uint32(l.fatSize), RootClus: w.p.root.first, FSInfo: infoSector, BkBootSec: backupSector,
	}}
	copy(bs.BootCode[:], w.opt.BootCode)
	return fat.BootSector32Layout.Encode(&bs)
}

func label(s, none string) (b [11]byte) {
	if s == "" {
		s = none
	}
	copy(b[:], fmt.Sprintf("%-11s", s))
	return b
}

// tables writes both copies of the FAT, as far as clusters are in use.
func (w *writer) tables(next uint32) error {
	const chunk = 1 << 15 // entries; even, so that FAT12's pairs stay together
	v := w.l.variant
	runs := append(append([]*entry(nil), w.p.dirs...), w.p.files...)
	if w.p.root.count == 0 {
		runs = runs[1:]
	}
	b := make([]byte, 0, chunk*4)
	for from := uint32(0); from < next; from += chunk {
		b = b[:0]
		carry := uint32(0)
		for c := from; c < min(from+chunk, next); c++ {
			var e uint32
			switch {
			case c == 0:
				e = v.EndOfChain()&^0xFF | uint32(w.l.media)
			case c == 1:
				e = v.EndOfChain()
			default:
				// Clusters were handed out in this very order.
				if c == runs[0].first+runs[0].count-1 {
					e, runs = v.EndOfChain(), runs[1:]
				} else {
					e = c + 1
				}
			}
			switch {
			case v == fat.FAT32:
				b = binary.LittleEndian.AppendUint32(b, e)
			case v == fat.FAT16:
				b = binary.LittleEndian.AppendUint16(b, uint16(e))
			case c&1 == 0:
				carry = e
			default:
				b = append(b, byte(carry), byte(carry>>8|e<<4), byte(e>>4))
			}
		}
		if v == fat.FAT12 && next&1 == 1 && from+chunk >= next {
			b = append(b, byte(carry), byte(carry>>8))
		}
		off := int64(from) * int64(v) / 8
		for n := range int64(numFATs) {
			if err := w.put(b, (w.l.reserved+n*w.l.fatSize)*w.l.sector+off, "the FAT"); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *writer) info(next uint32) Info {
	l := w.l
	g := fat.Geometry{
		Variant: l.variant, SectorSize: l.sector, ClusterSize: l.clusterSize(), TotalSectors: l.total,
		Reserved: l.reserved * l.sector, NumFATs: numFATs, FATSize: l.fatSize * l.sector,
		RootOffset: (l.reserved + numFATs*l.fatSize) * l.sector, RootSize: l.rootSlots * fat.SlotSize,
		DataOffset: l.dataStart() * l.sector, Clusters: uint32(l.clusters),
	}
	if l.variant == fat.FAT32 {
		g.RootCluster, g.FSInfo, g.Backup = w.p.root.first, infoSector*l.sector, backupSector*l.sector
	}
	return Info{Geometry: g, FreeClusters: w.free(next), Files: w.p.regular, Directories: len(w.p.dirs)}
}
