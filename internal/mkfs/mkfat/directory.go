package mkfat

import (
	"fmt"

	"github.com/reprodisk/reprodisk/internal/ondisk/fat"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// directory writes the slots of one directory: the label or the dots, then
// the entries by their names' bytes.
func (w *writer) directory(d *entry) error {
	b := make([]byte, 0, d.slots*fat.SlotSize)
	if d.parent == nil {
		if w.opt.Label != "" {
			e := fat.DirEntry{Name: label(w.opt.Label, ""), Attr: fat.AttrVolumeID}
			t := &tree.Inode{Mtime: w.opt.Epoch, Atime: w.opt.Epoch, Btime: w.opt.Epoch}
			setTimes(&e, t)
			b = append(b, fat.DirEntryLayout.Encode(&e)...)
		}
	} else {
		parent := uint32(0) // stands for the root, even where that has a cluster
		if d.parent.parent != nil {
			parent = d.parent.first
		}
		b = append(b, w.slot(label(".", ""), d.node.Inode, d.first)...)
		b = append(b, w.slot(label("..", ""), d.node.Inode, parent)...)
	}
	for _, e := range d.children {
		b = appendLong(b, e)
		b = append(b, w.slot(e.short, e.node.Inode, e.first)...)
	}
	if len(b) == 0 {
		return nil
	}
	off := (w.l.reserved + numFATs*w.l.fatSize) * w.l.sector
	if d.first != 0 {
		off = w.clusterOffset(d.first)
	}
	return w.put(b, off, fmt.Sprintf("directory %q", d.path()))
}

// dosAttrs are the bits of DIR_Attr that are a file's own.
const dosAttrs = fat.AttrReadOnly | fat.AttrHidden | fat.AttrSystem

// slot is a short entry.
func (w *writer) slot(name [11]byte, n *tree.Inode, first uint32) []byte {
	e := fat.DirEntry{Name: name, FstClusLO: uint16(first), FstClusHI: uint16(first >> 16)}
	if n.IsDir() {
		e.Attr = fat.AttrDirectory | n.DOS&dosAttrs
	} else {
		e.Attr = fat.AttrArchive | n.DOS&dosAttrs
		e.FileSize = uint32(n.Size)
	}
	setTimes(&e, n)
	return fat.DirEntryLayout.Encode(&e)
}

// setTimes stores an inode's times. A birth or access time of zero, which
// sources that have none leave, becomes the time of the last change.
func setTimes(e *fat.DirEntry, n *tree.Inode) {
	birth, access := n.Btime, n.Atime
	if birth == (tree.Time{}) {
		birth = n.Mtime
	}
	if access == (tree.Time{}) {
		access = n.Mtime
	}
	e.CrtDate, e.CrtTime, e.CrtTimeTenth = fat.EncodeTime(birth.Sec, birth.Nsec)
	e.LstAccDate, _, _ = fat.EncodeTime(access.Sec, access.Nsec)
	e.WrtDate, e.WrtTime, _ = fat.EncodeTime(n.Mtime.Sec, n.Mtime.Nsec)
}

// appendLong adds the long-name slots of an entry, the name's last part first.
func appendLong(b []byte, e *entry) []byte {
	n := (len(e.long) + fat.UnitsPerSlot - 1) / fat.UnitsPerSlot
	for i := n; i >= 1; i-- {
		s := fat.LongEntry{Ord: uint8(i), Attr: fat.AttrLongName, Chksum: fat.Checksum(e.short)}
		if i == n {
			s.Ord |= fat.LastLong
		}
		var u [fat.UnitsPerSlot]uint16
		for k := range u {
			switch at := (i-1)*fat.UnitsPerSlot + k; {
			case at < len(e.long):
				u[k] = e.long[at]
			case at > len(e.long):
				u[k] = 0xFFFF // behind the terminator
			}
		}
		s.SetUnits(u)
		b = append(b, fat.LongEntryLayout.Encode(&s)...)
	}
	return b
}
