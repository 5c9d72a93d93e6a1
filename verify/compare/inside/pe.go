package inside

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
	"github.com/reprodisk/reprodisk/report"
)

// PE/COFF: "PE Format" (Microsoft Learn): "COFF File Header", "Optional
// Header", "Section Table", "The .debug Section", "The Attribute Certificate
// Table". A unified kernel image is a PE whose sections (.linux, .initrd,
// .cmdline, .osrel, .uname, …) are named by the UAPI Group's UKI specification.

// coffHeader is the COFF file header behind "PE\0\0".
type coffHeader struct {
	Machine              uint16 `disk:"Machine,hex"`
	NumberOfSections     uint16 `disk:"NumberOfSections"`
	TimeDateStamp        uint32 `disk:"TimeDateStamp,hex"`
	PointerToSymbolTable uint32 `disk:"PointerToSymbolTable"`
	NumberOfSymbols      uint32 `disk:"NumberOfSymbols"`
	SizeOfOptionalHeader uint16 `disk:"SizeOfOptionalHeader"`
	Characteristics      uint16 `disk:"Characteristics,hex"`
}

// peSection is an entry of the section table.
type peSection struct {
	Name                 [8]byte `disk:"Name,text"`
	VirtualSize          uint32  `disk:"VirtualSize"`
	VirtualAddress       uint32  `disk:"VirtualAddress,hex"`
	SizeOfRawData        uint32  `disk:"SizeOfRawData"`
	PointerToRawData     uint32  `disk:"PointerToRawData"`
	PointerToRelocations uint32  `disk:"PointerToRelocations"`
	PointerToLinenumbers uint32  `disk:"PointerToLinenumbers"`
	NumberOfRelocations  uint16  `disk:"NumberOfRelocations"`
	NumberOfLinenumbers  uint16  `disk:"NumberOfLinenumbers"`
	Characteristics      uint32  `disk:"Characteristics,hex"`
}

// peOptional32 and peOptional64 are the optional headers of PE32 and PE32+ up
// to the data directories.
type peOptional32 struct {
	Front      peOptionalFront `disk:""`
	BaseOfData uint32          `disk:"BaseOfData"`
	ImageBase  uint32          `disk:"ImageBase,hex"`
	Middle     peOptionalMid   `disk:""`
	Stack      [4]uint32       `disk:"SizeOfStackReserve…SizeOfHeapCommit"`
	Back       peOptionalBack  `disk:""`
}

type peOptional64 struct {
	Front     peOptionalFront `disk:""`
	ImageBase uint64          `disk:"ImageBase,hex"`
	Middle    peOptionalMid   `disk:""`
	Stack     [4]uint64       `disk:"SizeOfStackReserve…SizeOfHeapCommit"`
	Back      peOptionalBack  `disk:""`
}

type peOptionalFront struct {
	Magic                   uint16 `disk:"Magic,hex"`
	MajorLinkerVersion      uint8  `disk:"MajorLinkerVersion"`
	MinorLinkerVersion      uint8  `disk:"MinorLinkerVersion"`
	SizeOfCode              uint32 `disk:"SizeOfCode"`
	SizeOfInitializedData   uint32 `disk:"SizeOfInitializedData"`
	SizeOfUninitializedData uint32 `disk:"SizeOfUninitializedData"`
	AddressOfEntryPoint     uint32 `disk:"AddressOfEntryPoint,hex"`
	BaseOfCode              uint32 `disk:"BaseOfCode,hex"`
}

type peOptionalMid struct {
	SectionAlignment            uint32 `disk:"SectionAlignment"`
	FileAlignment               uint32 `disk:"FileAlignment"`
	MajorOperatingSystemVersion uint16 `disk:"MajorOperatingSystemVersion"`
	MinorOperatingSystemVersion uint16 `disk:"MinorOperatingSystemVersion"`
	MajorImageVersion           uint16 `disk:"MajorImageVersion"`
	MinorImageVersion           uint16 `disk:"MinorImageVersion"`
	MajorSubsystemVersion       uint16 `disk:"MajorSubsystemVersion"`
	MinorSubsystemVersion       uint16 `disk:"MinorSubsystemVersion"`
	Win32VersionValue           uint32 `disk:"Win32VersionValue"`
	SizeOfImage                 uint32 `disk:"SizeOfImage"`
	SizeOfHeaders               uint32 `disk:"SizeOfHeaders"`
	CheckSum                    uint32 `disk:"CheckSum,hex"`
	Subsystem                   uint16 `disk:"Subsystem"`
	DllCharacteristics          uint16 `disk:"DllCharacteristics,hex"`
}

type peOptionalBack struct {
	LoaderFlags         uint32 `disk:"LoaderFlags"`
	NumberOfRvaAndSizes uint32 `disk:"NumberOfRvaAndSizes"`
}

// peDebug is an entry of the debug directory.
type peDebug struct {
	Characteristics  uint32 `disk:"Characteristics"`
	TimeDateStamp    uint32 `disk:"TimeDateStamp,hex"`
	MajorVersion     uint16 `disk:"MajorVersion"`
	MinorVersion     uint16 `disk:"MinorVersion"`
	Type             uint32 `disk:"Type"`
	SizeOfData       uint32 `disk:"SizeOfData"`
	AddressOfRawData uint32 `disk:"AddressOfRawData,hex"`
	PointerToRawData uint32 `disk:"PointerToRawData"`
}

var (
	coffLayout  = field.MustOf[coffHeader](binary.LittleEndian)
	peSections  = field.MustOf[peSection](binary.LittleEndian)
	peLayout32  = field.MustOf[peOptional32](binary.LittleEndian)
	peLayout64  = field.MustOf[peOptional64](binary.LittleEndian)
	debugLayout = field.MustOf[peDebug](binary.LittleEndian)
)

// Data directories by their number.
var peDirectories = []string{
	"Export Table", "Import Table", "Resource Table", "Exception Table", "Certificate Table",
	"Base Relocation Table", "Debug", "Architecture", "Global Ptr", "TLS Table",
	"Load Config Table", "Bound Import", "IAT", "Delay Import Descriptor", "CLR Runtime Header", "Reserved",
}

const (
	peCertificates = 4
	peDebugEntry   = 6
	maxDebug       = 32
	debugCodeView  = 2
	peRepro        = 16 // IMAGE_DEBUG_TYPE_REPRO: TimeDateStamp is a hash

	remedyPETime = "link with a fixed time: SOURCE_DATE_EPOCH, ld --no-insert-timestamp or lld-link /Brepro"
	remedySigned = "sign with the same key and a signing time of your own, or compare before signing"
)

// peFile is what the headers say.
type peFile struct {
	src      Source
	headers  entryList
	sections entryList
	debug    entryList
	certs    Source
	covered  cover
}

var errPE = errors.New("damaged PE")

func readPE(left *int, s Source) (*peFile, error) {
	le := binary.LittleEndian
	f := &peFile{sections: entryList{left: left}, src: s, certs: s.part(0, 0)}
	dos := s.bytes(0, 64)
	if dos == nil {
		return nil, errPE
	}
	at := int64(le.Uint32(dos[60:]))
	if at < 64 {
		return nil, fmt.Errorf("%w: its header overlaps the DOS header", errPE)
	}
	if err := f.headers.add(entry{name: "DOS header and stub", content: s.part(0, at)}); err != nil {
		return nil, err
	}
	f.covered.add(0, at+4)
	raw := s.bytes(at+4, coffLayout.Size())
	if raw == nil {
		return nil, errPE
	}
	coff := coffLayout.Decode(raw)
	f.covered.add(at+4, int64(len(raw)))
	if err := f.headers.add(entry{name: "COFF header", attrs: func() []attr { return coffAttrs(raw) }}); err != nil {
		return nil, err
	}
	optAt := at + 4 + int64(len(raw))
	opt := s.bytes(optAt, int(coff.SizeOfOptionalHeader))
	if opt == nil {
		return nil, fmt.Errorf("%w: the optional header at byte %d", errPE, optAt)
	}
	dirs, err := f.optional(opt)
	if err != nil {
		return nil, err
	}
	f.covered.add(optAt, int64(len(opt)))
	table := s.bytes(optAt+int64(len(opt)), int(coff.NumberOfSections)*peSections.Size())
	if table == nil {
		return nil, fmt.Errorf("%w: the section table at byte %d", errPE, optAt+int64(len(opt)))
	}
	f.covered.add(optAt+int64(len(opt)), int64(len(table)))
	var list []peSection
	for ; len(table) > 0; table = table[peSections.Size():] {
		one := table[:peSections.Size()]
		sec := peSections.Decode(one)
		list = append(list, sec)
		// A UKI's section is as long as VirtualSize says; the rest of
		// SizeOfRawData pads it.
		n := int64(sec.SizeOfRawData)
		if v := int64(sec.VirtualSize); v > 0 && v < n {
			n = v
		}
		f.covered.add(int64(sec.PointerToRawData), n)
		e := entry{name: tarText(sec.Name[:]), attrs: func() []attr { return sectionAttrs(one) }}
		if n > 0 {
			e.content = s.part(int64(sec.PointerToRawData), n)
		}
		if err := f.sections.add(e); err != nil {
			return nil, err
		}
	}
	if err := f.symbols(coff); err != nil {
		return nil, err
	}
	if len(dirs) > peCertificates {
		d := dirs[peCertificates] // its address is an offset in the file
		f.certs = s.part(d.off, d.end)
		f.covered.add(d.off, f.certs.Size)
	}
	if len(dirs) > peDebugEntry {
		if err := f.readDebug(dirs[peDebugEntry], list); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// optional reads the optional header, and returns the data directories:
// address and length.
func (f *peFile) optional(opt []byte) ([]span, error) {
	if len(opt) < 2 {
		return nil, f.headers.add(entry{name: "optional header", attrs: func() []attr { return nil }})
	}
	var fields []field.Field
	var size int
	switch binary.LittleEndian.Uint16(opt) {
	case 0x10b:
		fields, size = peLayout32.Fields(), peLayout32.Size()
	case 0x20b:
		fields, size = peLayout64.Fields(), peLayout64.Size()
	default:
		return nil, fmt.Errorf("%w: the optional header's Magic", errPE)
	}
	if len(opt) < size {
		return nil, fmt.Errorf("%w: the optional header has %d bytes", errPE, len(opt))
	}
	if err := f.headers.add(entry{name: "optional header", attrs: func() []attr { return optionalAttrs(opt, fields, size) }}); err != nil {
		return nil, err
	}
	var dirs []span
	for b := opt[size:]; len(b) >= 8 && len(dirs) < len(peDirectories); b = b[8:] {
		dirs = append(dirs, span{int64(binary.LittleEndian.Uint32(b)), int64(binary.LittleEndian.Uint32(b[4:]))})
	}
	return dirs, nil
}

const coffSymbol = 18 // bytes of one symbol

// symbols adds the COFF symbol table, and the string table behind it, which
// begins with its length.
func (f *peFile) symbols(coff coffHeader) error {
	at, n := int64(coff.PointerToSymbolTable), int64(coff.NumberOfSymbols)*coffSymbol
	if at == 0 {
		return nil
	}
	if b := f.src.bytes(at+n, 4); b != nil {
		n += int64(binary.LittleEndian.Uint32(b))
	}
	f.covered.add(at, n)
	return f.sections.add(entry{name: "COFF symbol table", content: f.src.part(at, n)})
}

// readDebug finds the debug directory's entries in the section that holds it.
func (f *peFile) readDebug(dir span, sections []peSection) error {
	for _, sec := range sections {
		rva := dir.off - int64(sec.VirtualAddress)
		if rva < 0 || rva >= int64(sec.SizeOfRawData) {
			continue
		}
		at := int64(sec.PointerToRawData) + rva
		for i := range min(dir.end/int64(debugLayout.Size()), maxDebug) {
			raw := f.src.bytes(at+i*int64(debugLayout.Size()), debugLayout.Size())
			if raw == nil {
				return nil
			}
			d := debugLayout.Decode(raw)
			e := entry{name: fmt.Sprintf("debug directory entry %d", i), attrs: func() []attr { return debugAttrs(raw) }}
			if d.Type == debugCodeView {
				e.content = f.src.part(int64(d.PointerToRawData), int64(d.SizeOfData))
			}
			if err := f.debug.add(e); err != nil {
				return err
			}
		}
		return nil
	}
	return nil
}

// peStamp shows a time that may as well be a hash: a linker that works
// reproducibly stores one.
func peStamp(v uint32) string {
	return fmt.Sprintf("%#08x (%s)", v, field.ShowTime(int64(v), 0))
}

func layoutAttrs(fields []field.Field, b []byte, tell func(*attr, []byte)) []attr {
	var out []attr
	for _, f := range fields {
		raw := f.Slice(b)
		a := attr{name: f.Name, value: f.Show(raw), cause: report.Content}
		tell(&a, raw)
		out = append(out, a)
	}
	return out
}

func coffAttrs(b []byte) []attr {
	return layoutAttrs(coffLayout.Fields(), b, func(a *attr, raw []byte) {
		switch a.name {
		case "TimeDateStamp":
			a.value, a.cause, a.remedy = peStamp(binary.LittleEndian.Uint32(raw)), report.Time, remedyPETime
		case "PointerToSymbolTable", "NumberOfSections":
			a.derived = true
		}
	})
}

func optionalAttrs(b []byte, fields []field.Field, size int) []attr {
	out := layoutAttrs(fields, b, func(a *attr, _ []byte) {
		switch a.name {
		case "CheckSum", "SizeOfImage", "SizeOfCode", "SizeOfInitializedData", "SizeOfHeaders":
			a.derived = true
		case "MajorLinkerVersion", "MinorLinkerVersion":
			a.cause, a.remedy = report.Environment, "link with the same version"
		}
	})
	for i, rest := 0, b[size:]; len(rest) >= 8 && i < len(peDirectories); i, rest = i+1, rest[8:] {
		out = append(out, attr{
			name:  peDirectories[i],
			value: fmt.Sprintf("%d bytes at %#x", binary.LittleEndian.Uint32(rest[4:]), binary.LittleEndian.Uint32(rest)),
			cause: report.Content, derived: true,
		})
	}
	return out
}

func sectionAttrs(b []byte) []attr {
	return layoutAttrs(peSections.Fields(), b, func(a *attr, _ []byte) {
		a.derived = a.name != "Characteristics" // sizes and places follow from what the sections hold
	})
}

func debugAttrs(b []byte) []attr {
	d := debugLayout.Decode(b)
	return layoutAttrs(debugLayout.Fields(), b, func(a *attr, raw []byte) {
		switch a.name {
		case "TimeDateStamp":
			a.value, a.cause, a.remedy = peStamp(binary.LittleEndian.Uint32(raw)), report.Time, remedyPETime
			if d.Type == peRepro {
				a.cause, a.remedy = report.Content, ""
			}
		case "AddressOfRawData", "PointerToRawData", "SizeOfData":
			a.derived = true
		}
	})
}

func comparePE(s *session, p pair, out *result) (string, error) {
	a, err := readPE(&s.left, p.a)
	if err != nil {
		return "", err
	}
	b, err := readPE(&s.left, p.b)
	if err != nil {
		return "", err
	}
	if err := s.compareEntries(p, &a.headers, &b.headers, entriesOptions{}, out); err != nil {
		return "", err
	}
	if err := s.compareEntries(p, &a.sections, &b.sections, entriesOptions{orderRemedy: "add the sections in the same order"}, out); err != nil {
		return "", err
	}
	if err := compareDebug(p, a, b, out); err != nil {
		return "", err
	}
	cert := p.in("certificate table", a.certs, b.certs)
	if err := s.compareBytes(cert, "bCertificate", report.Content, remedySigned, out); err != nil {
		return "", err
	}
	kind := "PE"
	if a.isUKI() && b.isUKI() {
		kind = "PE (unified kernel image)"
	}
	return kind, s.compareRest(p, a.covered, b.covered, out)
}

func (f *peFile) isUKI() bool {
	named := func(names ...string) bool {
		return slices.ContainsFunc(f.sections.list, func(e entry) bool { return slices.Contains(names, e.name) })
	}
	return named(".linux") && named(".osrel", ".cmdline", ".initrd")
}

// compareDebug tells the debug directory's fields. They lie in a section whose
// content differs because of them, so the section's own cause stays as it is.
func compareDebug(p pair, a, b *peFile, out *result) error {
	for i := range min(len(a.debug.list), len(b.debug.list)) {
		x, y := a.debug.list[i], b.debug.list[i]
		compareAttrs(join(p.where, x.name), x.attributes(), y.attributes(), out)
		if x.content.R == nil || y.content.R == nil {
			continue
		}
		u, v := x.content.head(24), y.content.head(24)
		if len(u) == 24 && len(v) == 24 && string(u[:4]) == "RSDS" && string(v[:4]) == "RSDS" && string(u[4:20]) != string(v[4:20]) {
			out.add(Field{
				Where: join(p.where, x.name), Name: "Signature (RSDS)",
				A: field.ShowGUID(u[4:20]), B: field.ShowGUID(v[4:20]), Cause: report.Random,
				Remedy: "link with a build id that follows from the content: lld-link /Brepro",
			})
		}
	}
	return nil
}

// compareRest compares what no part claims, apart from zeros that align.
func (s *session) compareRest(p pair, a, b cover, out *result) error {
	ra, rb := a.rest(p.a), b.rest(p.b)
	za, err := s.allZero(ra)
	if err != nil {
		return err
	}
	zb, err := s.allZero(rb)
	if err != nil || za && zb {
		return err
	}
	p.a, p.b = ra, rb
	return s.compareBytes(p, "bytes between the sections", report.Content, "", out)
}
