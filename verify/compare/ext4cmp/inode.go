package ext4cmp

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/reprodisk/reprodisk/internal/ondisk/ext4"
	"github.com/reprodisk/reprodisk/internal/ondisk/field"
	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
)

// inodeBase is the name under which a field's difference is found: that of
// the field which holds the value's lower half, where that differs too or
// where the upper half has no meaning alone.
func inodeBase(name string, differs map[string]bool) string {
	base, ok := inodeHalves[name]
	if ok && (differs[base] || !strings.HasSuffix(name, "_extra") && name != "i_checksum_hi") {
		return base
	}
	return name
}

// compareInode compares what the two inodes of a pair hold, and keeps the pair
// where something differs. Their fields wait until all trees are walked: what
// they follow from may be an entry that only one side has.
func (c *comparison) compareInode(p *pair) error {
	sameData := p.rawEqual && c.p.Aligned && !c.a.touched[p.a.Number] && !c.b.touched[p.b.Number]
	if !sameData {
		if err := c.compareContent(p); err != nil {
			return err
		}
	}
	if !p.rawEqual || c.xattrBlockDiffers(p) || c.valuesApart(p) {
		c.compareXattrs(p)
	}
	if !p.rawEqual || p.content != nil || len(p.entries) > 0 || len(p.xattrs) > 0 || !p.inOrder && p.a.Raw.Type() == tree.Directory {
		c.keep(p)
	}
	if !p.inOrder && p.a.Raw.Type() == tree.Directory {
		c.ordered = append(c.ordered, p)
	}
	p.unload()
	return nil
}

// compareFields notes the fields that differ between the two inodes.
func (c *comparison) compareFields(p *pair) {
	size := min(ext4.InodeLayout.Size(), len(p.a.Raw), len(p.b.Raw))
	diff := ext4.InodeLayout.Diff(p.a.Raw[:size], p.b.Raw[:size])
	differs := make(map[string]bool, len(diff))
	// What neither inode has a field for is residue: its bytes are that.
	diff = slices.DeleteFunc(diff, func(f field.Field) bool { return !p.a.Raw.Holds(f) && !p.b.Raw.Holds(f) })
	for _, f := range diff {
		differs[f.Name] = true
	}
	noted := map[string]bool{}
	for _, f := range diff {
		base := inodeBase(f.Name, differs)
		if noted[base] {
			continue
		}
		noted[base] = true
		at := c.disk(p.a.Offset + int64(f.Offset))
		switch base {
		case "i_checksum_lo", "i_checksum_hi":
			p.sum = true
		case "i_atime", "i_ctime", "i_version":
			if p.a.Raw.Flags()&p.b.Raw.Flags()&ext4.InodeEaInode != 0 {
				c.noteValueInode(p, base, at)
				continue
			}
			if base == "i_version" {
				c.noteCount(p, base, at)
				continue
			}
			c.noteTime(p, base, at)
		case "i_mtime", "i_crtime", "i_atime_extra", "i_ctime_extra", "i_mtime_extra", "i_crtime_extra":
			c.noteTime(p, base, at)
		case "i_block":
			c.blockMap(p, at)
		case "i_size_lo", "i_blocks_lo", "i_file_acl_lo", "i_links_count", "i_version_hi":
			c.noteCount(p, base, at)
		default:
			a, b := showInode(base, p.a.Raw), showInode(base, p.b.Raw)
			if base == "i_mode" && p.a.Raw.Type() != p.b.Raw.Type() {
				continue // found already, with the file's type
			}
			c.values.Note(base, uint64(p.a.Number), p.path, a, b, at)
			p.fields = append(p.fields, base)
		}
	}
}

// noteValueInode notes a field of an inode that holds an attribute's value:
// the hash of the value is in i_atime, and how many attributes share it in
// i_version and i_ctime.
func (c *comparison) noteValueInode(p *pair, base string, at int64) {
	cause := p.content
	if cause == nil && base == "i_atime" {
		cause = c.seed
	}
	if cause != nil {
		f := c.consequence("ea_inode", base, cause)
		f.Member(p.path)
		f.At(at, 4)
		p.own(base, f)
		return
	}
	f, _ := ext4.InodeLayout.Named(base)
	hex := func(raw ext4.RawInode) string { return fmt.Sprintf("0x%08x", le.Uint32(f.Slice(raw))) }
	c.values.Note(base, uint64(p.a.Number), p.path, hex(p.a.Raw), hex(p.b.Raw), at)
	p.fields = append(p.fields, base)
}

func (c *comparison) noteTime(p *pair, base string, at int64) {
	var a, b tree.Time
	switch strings.TrimSuffix(base, "_extra") {
	case "i_atime":
		a, b = p.a.Raw.Atime(), p.b.Raw.Atime()
	case "i_ctime":
		a, b = p.a.Raw.Ctime(), p.b.Raw.Ctime()
	case "i_mtime":
		a, b = p.a.Raw.Mtime(), p.b.Raw.Mtime()
	case "i_crtime":
		a, _ = p.a.Raw.Crtime()
		b, _ = p.b.Raw.Crtime()
	}
	c.times.Note(base, uint64(p.a.Number), p.path, a, b, at)
	p.fields = append(p.fields, base)
}

// noteCount notes a field that, as a rule, follows from something else about
// the file, and stands for itself only where nothing else differs.
func (c *comparison) noteCount(p *pair, base string, at int64) {
	var causes []*ledger.Finding
	switch base {
	case "i_links_count":
		if p.a.Raw.Type() == tree.Directory {
			causes = p.entries
		}
	case "i_file_acl_lo":
		causes = p.xattrs
	case "i_version", "i_version_hi":
		causes = append(append([]*ledger.Finding{p.content}, p.entries...), p.xattrs...)
	default: // sizes
		causes = append([]*ledger.Finding{p.content}, p.entries...)
		if base == "i_blocks_lo" {
			causes = append(causes, p.xattrs...)
		}
	}
	causes = present(causes)
	if len(causes) == 0 && base == "i_file_acl_lo" {
		p.own("i_file_acl_lo", c.place(p, at))
		return
	}
	if len(causes) == 0 && base == "i_size_lo" && p.a.Raw.Type() == tree.Directory && !p.inOrder {
		p.fields = append(p.fields, base) // follows the order, which settle enters
		return
	}
	if len(causes) > 0 {
		f := c.consequence("inode", base, causes...)
		f.Member(p.path)
		f.At(at, 4)
		p.own(base, f)
		return
	}
	c.values.Note(base, uint64(p.a.Number), p.path, showInode(base, p.a.Raw), showInode(base, p.b.Raw), at)
	p.fields = append(p.fields, base)
}

func present(list []*ledger.Finding) []*ledger.Finding {
	var out []*ledger.Finding
	for _, f := range list {
		if f != nil {
			out = append(out, f)
		}
	}
	return out
}

// fieldOwner is the finding of one of an inode's fields.
type fieldOwner struct {
	name string
	f    *ledger.Finding
}

// own says that a field of the pair's inodes is f's.
func (p *pair) own(name string, f *ledger.Finding) {
	for i := range p.owners {
		if p.owners[i].name == name {
			p.owners[i].f = f
			return
		}
	}
	p.owners = append(p.owners, fieldOwner{name, f})
}

// owner is the finding of a field; nil where there is none.
func (p *pair) owner(name string) *ledger.Finding {
	for _, o := range p.owners {
		if o.name == name {
			return o.f
		}
	}
	return nil
}

// blockMap notes that i_block differs: another device number, another target,
// or other blocks.
func (c *comparison) blockMap(p *pair, at int64) {
	switch {
	case p.content != nil:
		p.own("i_block", c.contentMap(p, at))
	case p.a.Raw.Type() == tree.Char || p.a.Raw.Type() == tree.Block:
		c.values.Note("i_rdev", uint64(p.a.Number), p.path, device(p.a.Raw), device(p.b.Raw), at)
		p.fields = append(p.fields, "i_rdev")
	case p.inlineDir():
		// Its entries: asked for byte by byte.
	case len(p.entries) > 0:
		f := c.consequence("inode", "i_block", p.entries...)
		f.Member(p.path)
		p.own("i_block", f)
	case !p.a.HasBlocks() && !p.b.HasBlocks():
		c.values.Note("i_block", uint64(p.a.Number), p.path, fmt.Sprintf("%x", p.a.Raw.Block()), fmt.Sprintf("%x", p.b.Raw.Block()), at)
		p.fields = append(p.fields, "i_block")
	default:
		p.own("i_block", c.place(p, at))
	}
}

// inlineDir tells whether a directory's entries are in its inode on both sides.
func (p *pair) inlineDir() bool {
	return p.a.Raw.Type() == tree.Directory && p.a.Raw.Flags()&p.b.Raw.Flags()&ext4.InodeInlineData != 0
}

// contentMap owns i_block of a file whose content differs: the target itself
// where that is stored there, else the map that follows from the content.
func (c *comparison) contentMap(p *pair, at int64) *ledger.Finding {
	if !p.a.HasBlocks() && !p.b.HasBlocks() {
		p.content.At(at, 60)
		return p.content
	}
	f := c.consequence("inode", "i_block", p.content)
	f.Member(p.path)
	f.At(at, 60)
	return f
}

// place notes that a file with the same content lies in other blocks.
func (c *comparison) place(p *pair, at int64) *ledger.Finding {
	if c.placed == nil {
		c.placed, _ = c.enter(c.key("data", "placement", ""), about{report.Placement, "write the filesystem with a tool that places blocks in a fixed order (mke2fs -d, reprodisk build), not through a mount"})
		c.placed.Whole = false
		c.placed.Note = "files with the same content in other blocks"
	}
	c.placed.Member(p.path)
	c.placed.At(at, 60)
	p.causes = append(p.causes, c.placed)
	return c.placed
}

func device(raw ext4.RawInode) string {
	major, minor := raw.Device()
	return fmt.Sprintf("%d, %d", major, minor)
}

// showInode renders a field's value in an inode.
func showInode(base string, raw ext4.RawInode) string {
	switch base {
	case "i_mode":
		return fmt.Sprintf("%04o", raw.Mode()&tree.PermMask)
	case "i_uid":
		return fmt.Sprint(raw.UID())
	case "i_gid":
		return fmt.Sprint(raw.GID())
	case "i_size_lo":
		return fmt.Sprint(raw.Size())
	case "i_blocks_lo":
		return fmt.Sprint(raw.Blocks())
	case "i_file_acl_lo":
		return fmt.Sprint(raw.FileACL())
	case "i_flags":
		v := fmt.Sprintf("0x%08x", raw.Flags())
		if names := ext4.InodeFlagNames(raw.Flags()); len(names) > 0 {
			v += " (" + strings.Join(names, " ") + ")"
		}
		return v
	}
	f, ok := ext4.InodeLayout.Named(base)
	if !ok {
		return ""
	}
	return f.Show(f.Slice(raw))
}

// settled fills in what an inode finding needs.
func settled(f *ledger.Finding) {
	a := aboutInode(strings.TrimSuffix(f.Field, "_extra"))
	f.Whole = true
	f.Cause, f.Remedy = a.cause, a.remedy
	if a.cause == "" {
		f.Cause = report.Unknown
	}
}

var le = binary.LittleEndian
