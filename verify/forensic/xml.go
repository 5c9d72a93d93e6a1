package forensic

import (
	"bufio"
	"io"
	"strconv"
	"strings"
)

// xmlWriter writes elements, indented. It keeps the first error.
type xmlWriter struct {
	w     *bufio.Writer
	depth int
	num   [32]byte
}

func newXMLWriter(w io.Writer) *xmlWriter { return &xmlWriter{w: bufio.NewWriterSize(w, 64<<10)} }

const indent = "                    "

func (x *xmlWriter) margin() { x.w.WriteString(indent[:min(2*x.depth, len(indent))]) }

// text writes what is printable already; see Escape.
func (x *xmlWriter) text(s string) {
	if !strings.ContainsAny(s, `<>&"`) {
		x.w.WriteString(s)
		return
	}
	for i := range len(s) {
		switch s[i] {
		case '<':
			x.w.WriteString("&lt;")
		case '>':
			x.w.WriteString("&gt;")
		case '&':
			x.w.WriteString("&amp;")
		case '"':
			x.w.WriteString("&quot;")
		default:
			x.w.WriteByte(s[i])
		}
	}
}

// attribute is name="value", with a blank before it.
func (x *xmlWriter) attribute(name, value string) {
	x.w.WriteByte(' ')
	x.w.WriteString(name)
	x.w.WriteString(`="`)
	x.text(Escape(value, ""))
	x.w.WriteByte('"')
}

func (x *xmlWriter) number(name string, n int64) {
	x.w.WriteByte(' ')
	x.w.WriteString(name)
	x.w.WriteString(`="`)
	x.w.Write(strconv.AppendInt(x.num[:0], n, 10))
	x.w.WriteByte('"')
}

// start opens an element; attributes are pairs of names and values.
func (x *xmlWriter) start(name string, attributes ...string) {
	x.tag(name, attributes)
	x.w.WriteString(">\n")
	x.depth++
}

func (x *xmlWriter) tag(name string, attributes []string) {
	x.margin()
	x.w.WriteByte('<')
	x.w.WriteString(name)
	for i := 0; i+1 < len(attributes); i += 2 {
		x.attribute(attributes[i], attributes[i+1])
	}
}

func (x *xmlWriter) end(name string) {
	x.depth--
	x.margin()
	x.w.WriteString("</")
	x.w.WriteString(name)
	x.w.WriteString(">\n")
}

// empty writes an element without content.
func (x *xmlWriter) empty(name string, attributes ...string) {
	x.tag(name, attributes)
	x.w.WriteString("/>\n")
}

// open begins an element of one value, changed or not.
func (x *xmlWriter) open(name string, changed bool) {
	x.margin()
	x.w.WriteByte('<')
	x.w.WriteString(name)
	if changed {
		x.w.WriteString(` delta:changed_property="1"`)
	}
}

func (x *xmlWriter) close(name string) {
	x.w.WriteString("</")
	x.w.WriteString(name)
	x.w.WriteString(">\n")
}

// str writes an element with a name or a text of an image.
func (x *xmlWriter) str(name, value string, changed bool) {
	x.open(name, changed)
	x.w.WriteByte('>')
	x.text(Escape(value, ""))
	x.close(name)
}

func (x *xmlWriter) int(name string, n int64, changed bool) {
	x.open(name, changed)
	x.w.WriteByte('>')
	x.w.Write(strconv.AppendInt(x.num[:0], n, 10))
	x.close(name)
}

func (x *xmlWriter) uint(name string, n uint64, changed bool) {
	x.open(name, changed)
	x.w.WriteByte('>')
	x.w.Write(strconv.AppendUint(x.num[:0], n, 10))
	x.close(name)
}
