package xfs

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/reprodisk/reprodisk/internal/tree"
)

func group(n uint32) string { return fmt.Sprintf("group %d", n) }

// inode tells apart what is in an inode.
func (p *parts) inode(in *Inode) {
	if in.Mode == 0 {
		p.structure = FreeInode
		p.layout(0, CoreLayout.Fields())
		return // nothing reads its forks
	}
	p.layout(0, CoreLayout.Fields())
	data := in.fork(DataFork)
	end := CoreSize + len(data)
	switch {
	case in.Format == formatDev:
		if t := in.Type(); t == tree.Char || t == tree.Block {
			p.to(CoreSize+4, DeviceField, "")
		}
	case in.Format == formatLocal && in.Type() == tree.Directory:
		p.shortDir(data)
	case in.Format == formatLocal && in.Type() == tree.Symlink:
		p.to(CoreSize+int(min(in.Core.Size, uint64(len(data)))), TargetField, "")
	default:
		p.extents(data, in.format(DataFork), in.extentCount(DataFork), ExtentsField)
	}
	p.to(end, SlackField, "")
	if in.ForkOff == 0 {
		return
	}
	attrs := in.fork(AttrFork)
	if in.AFormat == formatLocal {
		p.shortAttrs(attrs)
	} else {
		p.extents(attrs, in.AFormat, in.extentCount(AttrFork), "attribute extents")
	}
}

func (p *parts) extents(fork []byte, format uint8, count uint64, name string) {
	start := p.end
	switch format {
	case formatExtents:
		p.to(start+int(min(count, uint64(len(fork)/16)))*16, name, "")
	case formatBtree:
		if len(fork) < 4 {
			return
		}
		most := (len(fork) - 4) / 16
		n := min(int(be.Uint16(fork[2:])), most)
		p.to(start+4+8*n, name, "")
		p.to(start+4+8*most, SlackField, "")
		p.to(start+4+8*most+8*n, name, "")
	}
}

func (p *parts) shortDir(b []byte) {
	start := p.end
	s, err := decodeShortDir(b, 0)
	if err != nil {
		p.to(start+len(b), RecordsField, "")
		return
	}
	p.to(start+1, "count", "")
	p.to(start+2, "i8count", "")
	p.to(start+2+s.width, InumberField, "..")
	for _, e := range s.entries {
		at := start + int(e.Offset)
		n := len(e.Name)
		p.to(at+1, "namelen", e.Name)
		p.to(at+3, "offset", e.Name)
		p.to(at+3+n, NameField, e.Name)
		p.to(at+4+n, "ftype", e.Name)
		p.to(at+4+n+s.width, InumberField, e.Name)
	}
}

func (p *parts) shortAttrs(b []byte) {
	start := p.end
	s, err := decodeShortAttrs(b, 0)
	if err != nil {
		p.to(start+len(b), "attributes", "")
		return
	}
	p.to(start+2, "totsize", "")
	p.to(start+3, "count", "")
	p.to(start+4, SlackField, "")
	for i, x := range s.list {
		p.to(start+s.ends[i], ValueField, x.Name)
	}
}

// directory tells apart what is in a directory block.
func (p *parts) directory(b []byte) {
	switch be.Uint32(b) {
	case dataMagic, blockMagic:
		p.layout(0, dataLayout.Fields())
		if err := dataParts(b, 0, func(e dataEntry) {
			if e.free {
				p.to(e.at+4, FreeField, "")
				p.to(e.end-2, SlackField, "")
				p.to(e.end, TagField, "")
				return
			}
			n := len(e.name)
			p.to(e.at+8, InumberField, e.name)
			p.to(e.at+9, "namelen", e.name)
			p.to(e.at+9+n, NameField, e.name)
			p.to(e.at+10+n, "ftype", e.name)
			p.to(e.end-2, SlackField, e.name)
			p.to(e.end, TagField, e.name)
		}); err != nil {
			p.to(len(b), RecordsField, "")
			return
		}
		p.to(len(b), HashField, "")
		return
	case freeMagic:
		p.layout(0, freeLayout.Fields())
		p.to(freeLayout.Size()+2*int(min(be.Uint32(b[52:]), uint32(len(b)))), "bests", "")
		p.to(len(b), SlackField, "")
		return
	}
	switch be.Uint16(b[8:]) {
	case leaf1Magic, leafNMagic:
		p.layout(0, leafLayout.Fields())
		p.to(leafHeaderSize+8*int(be.Uint16(b[56:])), HashField, "")
		if be.Uint16(b[8:]) == leaf1Magic {
			n := int(min(be.Uint32(b[len(b)-4:]), uint32(len(b)/2)))
			p.to(len(b)-4-2*n, SlackField, "")
			p.to(len(b)-4, "bests", "")
			p.to(len(b), "bestcount", "")
		}
		p.to(len(b), SlackField, "")
	case nodeMagic:
		p.layout(0, nodeLayout.Fields())
		p.to(nodeLayout.Size()+8*int(be.Uint16(b[56:])), HashField, "")
		p.to(len(b), SlackField, "")
	}
}

// attributes tells apart what is in a block of an attribute fork; about is the
// attribute of which it holds the value.
func (p *parts) attributes(b []byte, about string) {
	if be.Uint32(b) == remoteMagic {
		p.layout(0, remoteLayout.Fields())
		p.to(remoteHeaderSize+int(min(be.Uint32(b[8:]), uint32(len(b)))), ValueField, about)
		return
	}
	switch be.Uint16(b[8:]) {
	case nodeMagic:
		p.layout(0, nodeLayout.Fields())
		p.to(nodeLayout.Size()+8*int(be.Uint16(b[56:])), HashField, "")
	case attrMagic:
		p.layout(0, attrLayout.Fields())
		list, err := attrEntries(b, 0)
		if err != nil {
			p.to(len(b), "attributes", "")
			return
		}
		p.to(attrHeaderSize+8*len(list), HashField, "")
		slices.SortFunc(list, func(x, y attrEntry) int { return cmp.Compare(x.at, y.at) })
		for _, x := range list {
			p.to(x.at, SlackField, "")
			p.to(x.end, ValueField, attrName(x.flags, x.name))
		}
	default:
		p.to(len(b), "attributes", "")
	}
}
