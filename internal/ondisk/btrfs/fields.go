package btrfs

import (
	"fmt"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
)

// ItemField is a named range of an item's data.
type ItemField struct {
	Name       string
	Sub        string // where an item holds several entries, the name of the one it is of
	Start, End int    // bytes of the data
	field      field.Field
}

// Show renders the field's bytes for a person.
func (f ItemField) Show(b []byte) string { return f.field.Show(b) }

// fieldList collects the fields of an item.
type fieldList struct {
	data []byte
	at   int
	out  []ItemField
}

// left is what no field covers yet.
func (l *fieldList) left() []byte { return l.data[l.at:] }

// structure adds a structure's fields, as far as the data go.
func (l *fieldList) structure(fields []field.Field, prefix, sub string) {
	base := l.at
	for _, f := range fields {
		start, end := base+f.Offset, min(base+f.End(), len(l.data))
		if start >= end {
			return
		}
		l.out = append(l.out, ItemField{prefix + f.Name, sub, start, end, f})
		l.at = end
	}
}

// bytes adds a field of n bytes, or of what is left.
func (l *fieldList) bytes(name, sub string, n int, kind field.Kind) {
	if n = min(n, len(l.data)-l.at); n > 0 {
		l.out = append(l.out, ItemField{name, sub, l.at, l.at + n, field.Field{Name: name, Length: n, Kind: kind}})
		l.at += n
	}
}

// u64 and u32 are items that are a number only.
type (
	u64 struct {
		V uint64 `disk:"v"`
	}
	u32 struct {
		V uint32 `disk:"v"`
	}
	u8 struct {
		V uint8 `disk:"v"`
	}
)

var (
	u64Layout = field.MustOf[u64](le)
	u32Layout = field.MustOf[u32](le)
	u8Layout  = field.MustOf[u8](le)
)

// number adds a number of its own.
func (l *fieldList) number(name, sub string, fields []field.Field) {
	f := fields[0]
	f.Name = name
	l.structure([]field.Field{f}, "", sub)
}

// plainItems are those that are one structure.
var plainItems = map[uint8][]field.Field{
	FreeSpaceHeaderKey: FreeSpaceHeaderLayout.Fields(),
	InodeItemKey:       InodeItemLayout.Fields(),
	RootItemKey:        RootItemLayout.Fields(),
	ExtentDataRefKey:   ExtentDataRefLayout.Fields(),
	BlockGroupItemKey:  BlockGroupItemLayout.Fields(),
	FreeSpaceInfoKey:   FreeSpaceInfoLayout.Fields(),
	DevExtentKey:       DevExtentLayout.Fields(),
	DevItemKey:         DevItemLayout.Fields(),
}

// plainFields are the fields of an item that is one structure, or nil.
func plainFields(key Key, data []byte) []field.Field {
	switch {
	case key.Type == FreeSpaceHeaderKey && key.ObjectID != FreeSpaceObject:
		return nil
	case key.Type == ExtentDataKey && (len(data) <= InlineHead || data[InlineHead-1] != ExtentInline):
		return FileExtentItemLayout.Fields()
	}
	return plainItems[key.Type]
}

// ItemFields names the bytes of an item's data, without gap or overlap. What
// is not as it should be is a last field "data".
func ItemFields(key Key, data []byte) []ItemField { return itemFields(nil, key, data) }

// itemFields does so in the room of a slice that is no longer needed.
func itemFields(room []ItemField, key Key, data []byte) []ItemField {
	l := &fieldList{data: data, out: room[:0]}
	l.structure(plainFields(key, data), "", "")
	switch key.Type {
	case InodeRefKey, InodeExtrefKey, RootRefKey, RootBackrefKey:
		l.names(key.Type)
	case DirItemKey, DirIndexKey, XattrItemKey:
		l.entries()
	case ExtentDataKey:
		if len(l.left()) > InlineHead {
			l.structure(ExtentHeadLayout.Fields(), "", "")
			l.bytes("inline", "", len(data), field.Bytes)
		}
	case ExtentCsumKey:
		l.bytes("sums", "", len(data), field.Bytes)
	case ExtentItemKey, MetadataItemKey:
		l.extentItem(key.Type)
	case SharedDataRefKey:
		l.number("count", "", u32Layout.Fields())
	case ChunkItemKey:
		l.chunk("")
	case UUIDKeySubvol, UUIDKeyReceived:
		for i := 0; len(l.left()) >= 8; i++ {
			l.number("subid", "", u64Layout.Fields())
		}
	case FreeSpaceBitmapKey:
		l.bytes("bitmap", "", len(data), field.Bytes)
	case PersistentItemKey:
		for len(l.left()) >= 8 {
			l.number("values", "", u64Layout.Fields())
		}
	}
	l.bytes("data", "", len(data), field.Bytes)
	return l.out
}

// names adds references, each with a name.
func (l *fieldList) names(kind uint8) {
	for len(l.left()) > 0 {
		var fields []field.Field
		var n int
		b := l.left()
		switch kind {
		case InodeRefKey:
			fields, n = InodeRefLayout.Fields(), int(InodeRefLayout.Decode(b).NameLen)
		case InodeExtrefKey:
			fields, n = InodeExtrefLayout.Fields(), int(InodeExtrefLayout.Decode(b).NameLen)
		default:
			fields, n = RootRefLayout.Fields(), int(RootRefLayout.Decode(b).NameLen)
		}
		head := fields[len(fields)-1].End()
		sub := ""
		if head+n <= len(b) {
			sub = string(b[head : head+n])
		}
		l.structure(fields, "", sub)
		l.bytes("name", sub, n, field.Text)
	}
}

// entries adds entries of directories, or extended attributes.
func (l *fieldList) entries() {
	for len(l.left()) > 0 {
		b := l.left()
		e := DirItemLayout.Decode(b)
		head := DirItemLayout.Size()
		sub := ""
		if head+int(e.NameLen) <= len(b) {
			sub = string(b[head : head+int(e.NameLen)])
		}
		l.structure(DirItemLayout.Fields(), "", sub)
		l.bytes("name", sub, int(e.NameLen), field.Text)
		l.bytes("value", sub, int(e.DataLen), field.Bytes)
	}
}

// extentItem adds an extent's item and the references that are kept in it.
func (l *fieldList) extentItem(kind uint8) {
	flags := ExtentItemLayout.Decode(l.data).Flags
	l.structure(ExtentItemLayout.Fields(), "", "")
	if kind == ExtentItemKey && flags&FlagTreeBlock != 0 {
		l.structure(TreeBlockInfoLayout.Fields(), "tree_block_info.", "")
	}
	for i := 0; len(l.left()) > 0; i++ {
		ref := l.left()[0]
		prefix := fmt.Sprintf("ref[%d].", i)
		l.number(prefix+"type", "", u8Layout.Fields())
		switch ref {
		case TreeBlockRefKey, SharedBlockRefKey, ExtentOwnerRefKey:
			l.number(prefix+"offset", "", u64Layout.Fields())
		case ExtentDataRefKey:
			l.structure(ExtentDataRefLayout.Fields(), prefix, "")
		case SharedDataRefKey:
			l.number(prefix+"offset", "", u64Layout.Fields())
			l.number(prefix+"count", "", u32Layout.Fields())
		default:
			return
		}
	}
}

// chunk adds a chunk and its stripes.
func (l *fieldList) chunk(prefix string) {
	n := int(ChunkLayout.Decode(l.left()).NumStripes)
	l.structure(ChunkLayout.Fields(), prefix, "")
	for i := 0; i < n && len(l.left()) > 0; i++ {
		l.structure(StripeLayout.Fields(), fmt.Sprintf("%sstripe[%d].", prefix, i), "")
	}
}

// SuperFields names the bytes of a superblock, with those of its array of
// chunks.
func SuperFields(raw []byte) []ItemField {
	var out []ItemField
	for _, f := range SuperblockLayout.Fields() {
		if f.Name != "sys_chunk_array" {
			out = append(out, ItemField{f.Name, "", f.Offset, f.End(), f})
			continue
		}
		list, _ := SystemChunks(raw)
		at := f.Offset
		for i, s := range list {
			l := &fieldList{data: raw[:s.End], at: s.Start}
			prefix := fmt.Sprintf("sys_chunk_array[%d].", i)
			l.structure(KeyLayout.Fields(), prefix+"key.", "")
			l.chunk(prefix)
			out, at = append(out, l.out...), s.End
		}
		if at < f.End() {
			out = append(out, ItemField{f.Name, "", at, f.End(), field.Field{Name: f.Name, Length: f.End() - at, Kind: field.Reserved}})
		}
	}
	return out
}

// PartKind is what a part of a node is.
type PartKind uint8

const (
	HeaderPart  PartKind = iota // a field of the header
	PointerPart                 // a field of a pointer
	ItemPart                    // a field of an item's head
	DataPart                    // a field of an item's data
	SlackPart                   // nothing
)

// Part is a named range of a node's bytes.
type Part struct {
	ItemField // whose range is in bytes of the node
	Kind      PartKind
	Index     int // of the pointer or item
	Key       Key // of it
}

// PartAt names the part that byte at of the node belongs to.
func (n *Node) PartAt(at int) Part {
	plain := func(kind PartKind, f field.Field, base int) Part {
		return Part{ItemField: ItemField{f.Name, "", base + f.Offset, base + f.End(), f}, Kind: kind, Index: -1}
	}
	if at < HeaderSize {
		return plain(HeaderPart, HeaderLayout.At(at), 0)
	}
	start, end := n.Slack()
	switch {
	case at >= start && at < end:
		return Part{ItemField: ItemField{"content", "", start, end, field.Field{Kind: field.Bytes}}, Kind: SlackPart, Index: -1}
	case !n.Leaf():
		i := (at - HeaderSize) / KeyPtrSize
		base := HeaderSize + i*KeyPtrSize
		p := plain(PointerPart, KeyPtrLayout.At(at-base), base)
		p.Index, p.Key = i, n.Key(i)
		return p
	case at < start:
		i := (at - HeaderSize) / ItemSize
		base := HeaderSize + i*ItemSize
		p := plain(ItemPart, ItemLayout.At(at-base), base)
		p.Index, p.Key = i, n.Key(i)
		return p
	}
	// Items' data lie in the opposite order, without gaps, some empty.
	lo, hi := 0, n.Len()-1
	for lo < hi {
		mid := (lo + hi) / 2
		if s, _ := n.Span(mid); s > at {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	s, _ := n.Span(lo)
	p := Part{Kind: DataPart, Index: lo, Key: n.Key(lo)}
	for _, f := range plainFields(p.Key, n.Data(lo)) {
		if end := s + f.End(); at < end && end <= s+len(n.Data(lo)) {
			p.ItemField = ItemField{f.Name, "", s + f.Offset, end, f}
			return p
		}
	}
	if n.fields == nil || n.fieldsOf != lo {
		n.fieldsOf, n.fields = lo, itemFields(n.fields, p.Key, n.Data(lo))
	}
	for _, f := range n.fields {
		if s+f.Start <= at && at < s+f.End {
			p.ItemField = f
			p.Start, p.End = s+f.Start, s+f.End
			break
		}
	}
	return p
}
