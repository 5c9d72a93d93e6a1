package inside

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/reprodisk/reprodisk/report"
)

// ELF: "System V Application Binary Interface", chapters 4 and 5; the build id
// is a note of ld(1), --build-id. Names of constants come from debug/elf, but
// its reader is not used: this one bounds what it reads by the file.

// elfFile is what the headers say.
type elfFile struct {
	headers  entryList
	sections entryList
	covered  cover
}

var errELF = errors.New("damaged ELF")

const maxSections = 20_000

// elfClass reads numbers of one class and byte order.
type elfClass struct {
	order binary.ByteOrder
	wide  bool // ELFCLASS64
}

// elfMember is one field of a header: its place in both classes.
type elfMember struct {
	name           string
	off32, len32   int
	off64, len64   int
	derived, shown bool
}

var elfHeader = []elfMember{
	{"e_type", 16, 2, 16, 2, false, true},
	{"e_machine", 18, 2, 18, 2, false, true},
	{"e_version", 20, 4, 20, 4, false, true},
	{"e_entry", 24, 4, 24, 8, false, true},
	{"e_phoff", 28, 4, 32, 8, true, true},
	{"e_shoff", 32, 4, 40, 8, true, true},
	{"e_flags", 36, 4, 48, 4, false, true},
	{"e_ehsize", 40, 2, 52, 2, true, true},
	{"e_phentsize", 42, 2, 54, 2, false, true},
	{"e_phnum", 44, 2, 56, 2, false, true},
	{"e_shentsize", 46, 2, 58, 2, false, true},
	{"e_shnum", 48, 2, 60, 2, true, true},
	{"e_shstrndx", 50, 2, 62, 2, true, true},
}

var elfSection = []elfMember{
	{"sh_name", 0, 4, 0, 4, true, false},
	{"sh_type", 4, 4, 4, 4, false, true},
	{"sh_flags", 8, 4, 8, 8, false, true},
	{"sh_addr", 12, 4, 16, 8, true, true},
	{"sh_offset", 16, 4, 24, 8, true, false},
	{"sh_size", 20, 4, 32, 8, true, true},
	{"sh_link", 24, 4, 40, 4, true, false},
	{"sh_info", 28, 4, 44, 4, true, false},
	{"sh_addralign", 32, 4, 48, 8, false, true},
	{"sh_entsize", 36, 4, 56, 8, false, true},
}

func (c elfClass) size(small, large int) int {
	if c.wide {
		return large
	}
	return small
}

func (c elfClass) get(m elfMember, b []byte) uint64 {
	off, n := m.off32, m.len32
	if c.wide {
		off, n = m.off64, m.len64
	}
	switch n {
	case 2:
		return uint64(c.order.Uint16(b[off:]))
	case 4:
		return uint64(c.order.Uint32(b[off:]))
	}
	return c.order.Uint64(b[off:])
}

func (c elfClass) named(list []elfMember, name string, b []byte) int64 {
	for _, m := range list {
		if m.name == name {
			return int64(min(c.get(m, b), 1<<62))
		}
	}
	return 0
}

func (c elfClass) attrs(list []elfMember, b []byte) []attr {
	var out []attr
	for _, m := range list {
		if m.shown {
			out = append(out, attr{name: m.name, value: fmt.Sprintf("%#x", c.get(m, b)), cause: report.Content, derived: m.derived})
		}
	}
	return out
}

func readELF(left *int, s Source) (*elfFile, error) {
	ident := s.bytes(0, 16)
	if ident == nil {
		return nil, errELF
	}
	c := elfClass{order: binary.LittleEndian, wide: ident[elf.EI_CLASS] == byte(elf.ELFCLASS64)}
	switch {
	case ident[elf.EI_DATA] == byte(elf.ELFDATA2MSB):
		c.order = binary.BigEndian
	case ident[elf.EI_DATA] != byte(elf.ELFDATA2LSB), ident[elf.EI_CLASS] != byte(elf.ELFCLASS32) && !c.wide:
		return nil, fmt.Errorf("%w: e_ident", errELF)
	}
	h := s.bytes(0, c.size(52, 64))
	if h == nil {
		return nil, errELF
	}
	f := &elfFile{sections: entryList{left: left}}
	f.covered.add(0, int64(len(h)))
	if err := f.headers.add(entry{name: "ELF header", content: s.part(0, 16), attrs: func() []attr { return c.attrs(elfHeader, h) }}); err != nil {
		return nil, err
	}
	num := func(name string) int64 { return c.named(elfHeader, name, h) }
	if n := num("e_phnum") * num("e_phentsize"); n > 0 && num("e_phoff") > 0 {
		f.covered.add(num("e_phoff"), n)
		f.headers.list = append(f.headers.list, entry{name: "program headers", content: s.part(num("e_phoff"), n)})
	}
	return f, f.readSections(s, c, num)
}

func (f *elfFile) readSections(s Source, c elfClass, num func(string) int64) error {
	off, size, count, names := num("e_shoff"), num("e_shentsize"), num("e_shnum"), num("e_shstrndx")
	if off == 0 {
		return nil // stripped of its section headers
	}
	if size < int64(c.size(40, 64)) || size > 4096 {
		return fmt.Errorf("%w: e_shentsize is %d", errELF, size)
	}
	header := func(i int64) []byte { return s.bytes(off+i*size, c.size(40, 64)) }
	first := header(0)
	if first == nil {
		return fmt.Errorf("%w: the section headers at byte %d", errELF, off)
	}
	// Where there are too many for the header, the first section has the number.
	if count == 0 {
		count = c.named(elfSection, "sh_size", first)
	}
	if names == int64(elf.SHN_XINDEX) {
		names = c.named(elfSection, "sh_link", first)
	}
	if count > maxSections {
		return errEntries
	}
	f.covered.add(off, size*count)
	var text []byte
	if h := header(names); h != nil && names < count {
		text = s.part(c.named(elfSection, "sh_offset", h), c.named(elfSection, "sh_size", h)).head(1 << 20)
	}
	for i := int64(1); i < count; i++ {
		h := header(i)
		if h == nil {
			return fmt.Errorf("%w: section header %d at byte %d", errELF, i, off+i*size)
		}
		e := entry{name: fmt.Sprintf("section %d", i), attrs: func() []attr { return c.attrs(elfSection, h) }}
		if at := c.named(elfSection, "sh_name", h); at < int64(len(text)) {
			if name := tarText(text[at:min(int64(len(text)), at+200)]); name != "" {
				e.name = name
			}
		}
		if elf.SectionType(c.named(elfSection, "sh_type", h)) != elf.SHT_NOBITS {
			start, n := c.named(elfSection, "sh_offset", h), c.named(elfSection, "sh_size", h)
			e.content = s.part(start, n)
			f.covered.add(start, e.content.Size)
		}
		if err := f.sections.add(e); err != nil {
			return err
		}
	}
	return nil
}

const (
	sectionBuildID   = ".note.gnu.build-id"
	sectionComment   = ".comment"
	sectionDebuglink = ".gnu_debuglink"
	sectionGoBuildID = ".note.go.buildid"
)

func compareELF(s *session, p pair, out *result) (string, error) {
	a, err := readELF(&s.left, p.a)
	if err != nil {
		return "", err
	}
	b, err := readELF(&s.left, p.b)
	if err != nil {
		return "", err
	}
	if err := s.compareEntries(p, &a.headers, &b.headers, entriesOptions{}, out); err != nil {
		return "", err
	}
	rest := func(l *entryList) *entryList {
		var out entryList
		for _, e := range l.list {
			if !elfSpecial[e.name] {
				out.list = append(out.list, e)
			}
		}
		return &out
	}
	p.inELF = true
	before := len(out.causes)
	if err := s.compareEntries(p, rest(&a.sections), rest(&b.sections), entriesOptions{orderRemedy: "link with the same linker and script"}, out); err != nil {
		return "", err
	}
	if err := s.compareRest(p, a.covered, b.covered, out); err != nil {
		return "", err
	}
	return "ELF", s.compareSpecial(p, a, b, len(out.causes) > before, out)
}

// elfSpecial are the sections that are shown by what they mean.
var elfSpecial = map[string]bool{sectionBuildID: true, sectionGoBuildID: true, sectionComment: true, sectionDebuglink: true}

// compareSpecial compares the sections that name a build. changed tells that
// something else differs: then the build id, a hash of it all, follows.
func (s *session) compareSpecial(p pair, a, b *elfFile, changed bool, out *result) error {
	for _, name := range []string{sectionComment, sectionGoBuildID, sectionBuildID, sectionDebuglink} {
		x, okA := a.section(name)
		y, okB := b.section(name)
		if !okA && !okB {
			continue
		}
		if okA && okB {
			if same, err := s.equal(x, y); err != nil || same {
				if err != nil {
					return err
				}
				continue
			}
		}
		f := Field{Where: join(p.where, name), Name: "content", A: showSection(name, x), B: showSection(name, y), Cause: report.Content}
		switch name {
		case sectionBuildID, sectionGoBuildID:
			f.Name, f.Derived = "build id", changed && okA && okB
			if !changed && buildIDSize(x) == 16 && buildIDSize(y) == 16 {
				f.Cause, f.Remedy = report.Random, "ld --build-id=sha1 instead of --build-id=uuid"
			}
		case sectionComment:
			f.Cause, f.Remedy = report.Environment, "compile with the same version of the compiler"
			changed = true
		case sectionDebuglink:
			f.Name, f.Derived = "debug link", changed && okA && okB
		}
		out.add(f)
	}
	return nil
}

func (f *elfFile) section(name string) (Source, bool) {
	for _, e := range f.sections.list {
		if e.name == name && e.content.R != nil {
			return e.content, true
		}
	}
	return Source{R: bytes.NewReader(nil)}, false
}

// buildIDSize is the length of a note's description.
func buildIDSize(s Source) int64 { return max(0, s.Size-noteHeader) }

// noteHeader is a note's three numbers and the name "GNU\0".
const noteHeader = 16

func showSection(name string, s Source) string {
	b := s.head(maxValue)
	switch name {
	case sectionBuildID:
		if len(b) > noteHeader {
			return fmt.Sprintf("%x", b[noteHeader:])
		}
	case sectionComment:
		return visible(string(bytes.ReplaceAll(bytes.Trim(b, "\x00"), []byte{0}, []byte("; "))))
	case sectionDebuglink, sectionGoBuildID:
		return fmt.Sprintf("%q", b)
	}
	return hexOf(b)
}
