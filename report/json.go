package report

import (
	"bufio"
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode"
	"unicode/utf8"
)

// Limits of ReadJSON. A report of 200,000 findings is some 120 MB.
const (
	maxJSON       = 128 << 20
	maxFindings   = 1 << 20
	maxPartitions = 1 << 16
)

//go:embed schema.json
var schemaJSON []byte

// JSONSchema is the JSON Schema, draft 2020-12, of what WriteJSON writes.
func JSONSchema() []byte { return bytes.Clone(schemaJSON) }

// WriteJSON writes the report as indented JSON that ends in a newline. The
// same report gives the same bytes. What a terminal would act on is written as
// \uNNNN.
func WriteJSON(w io.Writer, r *Report) error {
	c := *r
	c.Findings = nil
	c.Partitions = slices.Clone(r.Partitions)
	c.Heat = slices.Clone(r.Heat)
	c.fillEmpty()
	c.makeValid()

	// Findings are put in one by one: of 100,000 of them the whole text is not
	// held several times.
	out := bufio.NewWriterSize(w, 1<<16)
	var buf bytes.Buffer
	if err := encode(&buf, "", &c); err != nil {
		return err
	}
	const list = "\n  \"findings\": [" // no string has a line feed of its own
	head, tail, _ := bytes.Cut(EscapeJSON(buf.Bytes()), []byte(list+"]"))
	out.Write(head)
	out.WriteString(list)
	for i := range r.Findings {
		f := r.Findings[i]
		f.fillEmpty()
		f.makeValid()
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteString("\n    ")
		buf.Reset()
		if err := encode(&buf, "    ", &f); err != nil {
			return err
		}
		out.Write(bytes.TrimSuffix(EscapeJSON(buf.Bytes()), []byte("\n")))
	}
	if len(r.Findings) > 0 {
		out.WriteString("\n  ")
	}
	out.WriteByte(']')
	out.Write(tail)
	return out.Flush()
}

// encode writes a value and a line feed; its lines but the first begin with
// the prefix.
func encode(out *bytes.Buffer, prefix string, v any) error {
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	enc.SetIndent(prefix, "  ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("report as JSON: %w", err)
	}
	return nil
}

// makeValid makes valid UTF-8 of strings that bypassed Printable, but for those
// of findings.
func (r *Report) makeValid() {
	for _, s := range []*string{
		&r.Tool.Name, &r.Tool.Version,
		&r.A.Path, &r.A.Format, &r.A.Digest, &r.A.FileDigest, &r.B.Path, &r.B.Format, &r.B.Digest, &r.B.FileDigest,
	} {
		fix(s)
	}
	for _, in := range []*Input{&r.A, &r.B} {
		in.Files = slices.Clone(in.Files)
		for i := range in.Files {
			f := &in.Files[i]
			for _, s := range []*string{&f.Path, &f.Format, &f.Digest, &f.FileDigest} {
				fix(s)
			}
		}
	}
	r.Warnings = fixAll(r.Warnings)
	r.Policy = r.Policy.valid()
	for i := range r.Heat {
		fix(&r.Heat[i].Image)
	}
	r.Verification = r.Verification.valid()
	for i := range r.Partitions {
		p := &r.Partitions[i]
		fix(&p.Image)
		p.A, p.B = p.A.valid(), p.B.valid()
	}
}

// makeValid is the same for a finding. Lists are copied where they change.
func (f *Finding) makeValid() {
	for _, s := range []*string{
		&f.ID, &f.Image, &f.Format, &f.Structure, &f.Field, &f.File, &f.A, &f.B,
		&f.Remedy, &f.Variation, &f.Allowed, &f.Note, &f.Diff,
	} {
		fix(s)
	}
	f.DerivedFrom, f.Files = fixAll(f.DerivedFrom), fixAll(f.Files)
	fix(&f.InsideKind)
	f.Inside = slices.Clone(f.Inside)
	for j := range f.Inside {
		x := &f.Inside[j]
		for _, s := range []*string{&x.Where, &x.Field, &x.A, &x.B} {
			fix(s)
		}
	}
}

func (p *PartitionSide) valid() *PartitionSide {
	if p == nil {
		return nil
	}
	c := *p
	for _, s := range []*string{&c.Type, &c.TypeName, &c.Name, &c.UUID, &c.Filesystem, &c.Label, &c.FSUUID, &c.Digest} {
		fix(s)
	}
	return &c
}

func fix(s *string) {
	if !utf8.ValidString(*s) {
		*s = Printable(*s)
	}
}

func fixAll(list []string) []string {
	if !slices.ContainsFunc(list, func(s string) bool { return !utf8.ValidString(s) }) {
		return list
	}
	list = slices.Clone(list)
	for i := range list {
		fix(&list[i])
	}
	return list
}

// EscapeJSON escapes the characters that JSON allows in a string and a
// terminal acts on: DEL, C1 controls, changes of the writing direction. All
// that is not ASCII is inside of strings.
func EscapeJSON(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); {
		r, size := utf8.DecodeRune(b[i:])
		switch {
		case r < 0x7f || r != 0x7f && unicode.IsPrint(r):
			out = append(out, b[i:i+size]...)
		case r > 0xffff:
			// JSON writes them as UTF-16 does, as two halves.
			out = fmt.Appendf(out, `\u%04x\u%04x`, 0xd800+(r-0x10000)>>10, 0xdc00+(r-0x10000)&0x3ff)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		i += size
	}
	return out
}

// ReadJSON reads a report that WriteJSON wrote. Names that it does not know
// are passed over: a later program of the same schema version may have added
// them.
func ReadJSON(rd io.Reader) (*Report, error) {
	limited := &io.LimitedReader{R: rd, N: maxJSON + 1}
	r, err := decode(json.NewDecoder(limited))
	switch {
	case limited.N <= 0:
		return nil, fmt.Errorf("report is larger than %d bytes", int64(maxJSON))
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return nil, errors.New("report ends in the middle of its JSON")
	case err != nil:
		return nil, fmt.Errorf("report: %w", err)
	}
	r.fillEmpty()
	if err := r.Validate(); err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	return r, nil
}

// decode reads the report name by name, so that the long lists are counted
// while they grow.
func decode(dec *json.Decoder) (*Report, error) {
	r := new(Report)
	simple := map[string]any{
		"schema": &r.Schema, "tool": &r.Tool, "a": &r.A, "b": &r.B, "verdict": &r.Verdict,
		"differing_bytes": &r.DifferingBytes, "explained_bytes": &r.ExplainedBytes,
		"root_findings": &r.RootFindings, "warnings": &r.Warnings, "verification": &r.Verification,
		"policy": &r.Policy, "only_partition": &r.OnlyPartition,
	}
	if err := expect(dec, '{'); err != nil {
		return nil, err
	}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return nil, err
		}
		name, _ := token.(string)
		switch target := simple[name]; {
		case name == "findings":
			r.Findings, err = decodeList[Finding](dec, maxFindings)
		case name == "partitions":
			r.Partitions, err = decodeList[Partition](dec, maxPartitions)
		case name == "heat":
			r.Heat, err = decodeList[Heat](dec, MaxHeats)
		case target != nil:
			err = dec.Decode(target)
		default:
			var skip json.RawMessage
			err = dec.Decode(&skip)
		}
		if err != nil {
			return nil, fmt.Errorf("%q: %w", name, err)
		}
		if name == "schema" && r.Schema != Schema {
			return nil, fmt.Errorf("schema is %q, this program knows %q", r.Schema, Schema)
		}
	}
	if err := expect(dec, '}'); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		if err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("more follows after the end, at byte %d", dec.InputOffset())
	}
	return r, nil
}

func decodeList[T any](dec *json.Decoder, most int) ([]T, error) {
	list := []T{}
	if err := expect(dec, '['); err != nil {
		return nil, err
	}
	for dec.More() {
		if len(list) == most {
			return nil, fmt.Errorf("more than %d in the list", most)
		}
		var item T
		if err := dec.Decode(&item); err != nil {
			return nil, err
		}
		list = append(list, item)
	}
	return list, expect(dec, ']')
}

func expect(dec *json.Decoder, want json.Delim) error {
	token, err := dec.Token()
	if err != nil {
		return err
	}
	if token != want {
		return fmt.Errorf("expected %q before byte %d", want.String(), dec.InputOffset())
	}
	return nil
}
