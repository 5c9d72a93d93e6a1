package attest

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/reprodisk/reprodisk/report"
)

// StatementType is the type of an in-toto Statement of version 1.
const StatementType = "https://in-toto.io/Statement/v1"

// Statement is an in-toto Statement.
type Statement struct {
	Type          string       `json:"_type"`
	Subject       []Descriptor `json:"subject"`
	PredicateType string       `json:"predicateType"`
	Predicate     Predicate    `json:"predicate"`
}

// Descriptor is an in-toto ResourceDescriptor.
type Descriptor struct {
	Name   string            `json:"name,omitempty"`
	Digest map[string]string `json:"digest,omitempty"`
}

// maxDifferences is how many allowed causes a statement lists.
const maxDifferences = 1000

// New makes the statement of a finished report. Its errors say why there is
// none, for whoever asked for it.
func New(r *report.Report) (*Statement, error) {
	switch {
	case r.Verdict != report.Reproducible:
		return nil, errors.New("the verdict is not reproducible")
	case r.Blocked() != "":
		return nil, fmt.Errorf("the gate failed: %s", r.Blocked())
	case r.OnlyPartition != nil:
		return nil, fmt.Errorf("the report is only of partition %d", *r.OnlyPartition)
	case r.Policy != nil && r.Policy.Baseline != nil && r.Policy.Baseline.Known > 0:
		return nil, errors.New("differences that a baseline knows are not reproducible")
	}
	subjects, err := subjects(r)
	if err != nil {
		return nil, err
	}
	p := Predicate{
		Result:   Identical,
		Build:    build(r.Verification),
		Policy:   policyOf(r.Policy),
		Tool:     Tool(r.Tool),
		Warnings: r.Warnings,
	}
	if p.Compared.A, err = side(r.A); err != nil {
		return nil, err
	}
	if p.Compared.B, err = side(r.B); err != nil {
		return nil, err
	}
	switch {
	case len(r.Findings) > 0:
		p.Result, p.Differences = Allowed, differences(r)
	case !equal(r.A, r.B):
		return nil, errors.New("the report has no difference, but other digests for a than for b")
	}
	return &Statement{Type: StatementType, Subject: subjects, PredicateType: PredicateType, Predicate: p}, nil
}

// Write writes the statement as indented JSON. The same statement gives the
// same bytes. What a terminal would act on is escaped.
func Write(w io.Writer, s *Statement) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(s); err != nil {
		return fmt.Errorf("statement: %w", err)
	}
	_, err := w.Write(report.EscapeJSON(b.Bytes()))
	return err
}

// subjects are the files of both sides, each content once. Where the two sides
// of a name differ, the names say which is which.
func subjects(r *report.Report) ([]Descriptor, error) {
	filesA, err := files(r.A)
	if err != nil {
		return nil, err
	}
	filesB, err := files(r.B)
	if err != nil {
		return nil, err
	}
	inB := map[string]string{}
	for _, f := range filesB {
		inB[f.name] = f.digest
	}
	single := r.A.Format != directory && r.B.Format != directory
	var out []Descriptor
	seen := map[string]bool{}
	add := func(name, digest string) {
		if !seen[name+"\x00"+digest] {
			seen[name+"\x00"+digest] = true
			out = append(out, Descriptor{Name: name, Digest: map[string]string{"sha256": digest}})
		}
	}
	differ := map[string]bool{}
	for _, f := range filesA {
		other, ok := inB[f.name]
		if single {
			other, ok = filesB[0].digest, true
		}
		if ok && other != f.digest {
			differ[f.name] = true
			add("a/"+f.name, f.digest)
			continue
		}
		add(f.name, f.digest)
	}
	inA := map[string]string{}
	for _, f := range filesA {
		inA[f.name] = f.digest
	}
	for _, f := range filesB {
		switch {
		case single && f.digest == filesA[0].digest: // the same image by another name
		case single || differ[f.name]:
			add("b/"+f.name, f.digest)
		case inA[f.name] == "":
			add(f.name, f.digest)
		}
	}
	if len(out) == 0 {
		return nil, errors.New("there is no file to speak of")
	}
	return out, nil
}

// equal tells whether the digests of two sides without a difference agree. A
// disk that its format has made longer has another, of course.
func equal(a, b report.Input) bool {
	if a.Format != directory {
		return a.Digest == b.Digest || a.Added > 0 || b.Added > 0
	}
	inB := map[string]string{}
	for _, f := range b.Files {
		inB[f.Path] = f.Digest
	}
	for _, f := range a.Files {
		if inB[f.Path] != f.Digest {
			return false
		}
	}
	return len(a.Files) == len(b.Files)
}

// directory is the format of an input that is a folder.
const directory = "directory"

type file struct{ name, digest string }

// files are what a side consists of, with the digests that sha256sum gives.
func files(in report.Input) ([]file, error) {
	if in.Format != directory {
		sum, err := digest(cmp.Or(in.FileDigest, in.Digest), in.Path)
		return []file{{path.Base(in.Path), sum}}, err
	}
	var out []file
	for _, f := range in.Files {
		sum, err := digest(cmp.Or(f.FileDigest, f.Digest), f.Path)
		if err != nil {
			return nil, err
		}
		out = append(out, file{f.Path, sum})
	}
	if len(out) == 0 {
		return nil, noDigest(in.Path)
	}
	return out, nil
}

func noDigest(name string) error {
	return fmt.Errorf("no digest of %s is known: compare with --digests", name)
}

// digest is a report's digest as in-toto writes it.
func digest(s, of string) (string, error) {
	if s == "" {
		return "", noDigest(of)
	}
	sum, ok := strings.CutPrefix(s, "sha256:")
	if b, err := hex.DecodeString(sum); !ok || err != nil || len(b) != 32 || sum != strings.ToLower(sum) {
		return "", fmt.Errorf("%q of %s is no SHA-256", s, of)
	}
	return sum, nil
}

func side(in report.Input) (Side, error) {
	s := Side{Name: path.Base(in.Path), Format: in.Format, Size: in.Size}
	if in.Format != directory {
		sum, err := digest(in.Digest, in.Path)
		s.Disk = map[string]string{"sha256": sum}
		return s, err
	}
	for _, f := range in.Files {
		if f.FileDigest == "" {
			continue // the file is the disk
		}
		sum, err := digest(f.Digest, f.Path)
		if err != nil {
			return s, err
		}
		s.Images = append(s.Images, Image{Name: f.Path, Disk: map[string]string{"sha256": sum}})
	}
	return s, nil
}

func build(v *report.Verification) *Build {
	if v == nil {
		return nil
	}
	b := &Build{
		Builds: v.Builds, Isolation: v.Level, Pinned: v.Pinned, Command: v.Command,
		Varied: []World{}, NotVaried: []World{},
	}
	if v.Spec != "" || v.SpecDigest != "" {
		b.Spec = &Descriptor{Name: v.Spec}
		if sum, err := digest(v.SpecDigest, v.Spec); err == nil {
			b.Spec.Digest = map[string]string{"sha256": sum}
		}
	}
	for _, x := range v.Variations {
		w := World{Name: x.Name, A: x.A, B: x.B, Why: x.Why}
		if x.Varied {
			b.Varied = append(b.Varied, w)
		} else {
			b.NotVaried = append(b.NotVaried, w)
		}
	}
	if v.Attribution != nil {
		b.Controlled = v.Attribution.Controls
	}
	if v.Repeat != nil && len(v.Repeat.Results) == 1 {
		b.Repeated = v.Repeat.Results[0].Count
	}
	return b
}

func differences(r *report.Report) *Differences {
	d := &Differences{Bytes: r.DifferingBytes, Causes: []Difference{}}
	for i := range r.Findings {
		f := &r.Findings[i]
		switch {
		case f.Derived:
		case len(d.Causes) == maxDifferences:
			d.Omitted++
		default:
			d.Causes = append(d.Causes, Difference{ID: f.ID, Cause: f.Cause, Bytes: f.Bytes, Reason: f.Allowed})
		}
	}
	return d
}

func policyOf(p *report.Policy) *Policy {
	if p == nil {
		return nil
	}
	out := &Policy{Name: p.Path, Strict: p.Strict, Rules: []Rule{}}
	if sum, err := digest(p.Digest, p.Path); err == nil {
		out.Digest = map[string]string{"sha256": sum}
	}
	for _, x := range p.Rules {
		out.Rules = append(out.Rules, Rule{Where: x.Where, Names: x.Names, Reason: x.Reason, Expires: x.Expires, State: x.State})
	}
	return out
}
