package ci

import (
	"fmt"
	"slices"
	"strings"

	"github.com/reprodisk/reprodisk/report"
)

// maxRelated is how many ranges of bytes a result names. GitHub shows ten
// locations.
const maxRelated = 8

// artifacts enters the compared images and the source. The others follow as
// results name them.
func (s *sarif) artifacts() {
	s.list = []sarifArtifact{}
	for _, x := range []struct {
		in   *report.Input
		name string
	}{{&s.r.A, "first image"}, {&s.r.B, "second image"}} {
		name, roles := x.name, []string{"analysisTarget"}
		if x.in.Format == "directory" {
			name, roles = strings.Replace(name, "image", "folder", 1), append(roles, "directory")
		}
		a := sarifArtifact{Roles: roles, Description: &sarifText{Text: name}}
		if x.in.Format == "raw" {
			a.Length = &x.in.Size
		}
		a.Hashes = hashes(x.in.Format, x.in.Digest, x.in.FileDigest)
		s.artifact(x.in.Path, a)
		for i := range x.in.Files {
			f := &x.in.Files[i]
			if x.in == &s.r.A {
				s.formats[f.Path] = f.Format
			}
			if i >= maxFilesOfFolder {
				continue
			}
			s.artifact(imagePath(s.r, x.in, f.Path), sarifArtifact{
				Roles: []string{"analysisTarget"}, Hashes: hashes(f.Format, f.Digest, f.FileDigest),
			})
		}
	}
	if s.src != nil {
		a := sarifArtifact{Roles: []string{"userSpecifiedConfiguration"}}
		if v := s.r.Verification; v != nil && v.Spec == s.src.Path {
			a.Hashes = hashes("raw", v.SpecDigest, "")
		}
		s.artifact(s.src.Path, a)
	}
}

// maxFilesOfFolder is how many files of a folder become artifacts before a
// result names them.
const maxFilesOfFolder = 1000

// hashes is the digest of a file. That of the disk inside of it is another.
func hashes(format, disk, file string) map[string]string {
	digest := file
	if digest == "" && (format == "raw" || format == "") {
		digest = disk
	}
	if hex, ok := strings.CutPrefix(digest, "sha256:"); ok {
		return map[string]string{"sha-256": report.Cut(report.Visible(hex), 64)}
	}
	return nil
}

// artifact enters a file, and gives where it lies.
func (s *sarif) artifact(name string, a sarifArtifact) sarifArtifactLocation {
	uri := uriOf(name)
	i, ok := s.files[uri]
	if !ok {
		i = len(s.list)
		s.files[uri] = i
		a.Location.URI = uri
		s.list = append(s.list, a)
	}
	return sarifArtifactLocation{URI: uri, Index: &i}
}

func (s *sarif) result(f *report.Finding) sarifResult {
	n := s.follow[f.ID]
	text := sentence(s.r, f) + "."
	marked := report.MarkdownText(text)
	lines := advice(f)
	if n > 0 {
		lines = append(lines, report.Counted(int64(n), "consequence"))
	}
	for _, line := range lines {
		text += "\n" + line
		marked += "\n\n" + report.MarkdownText(line)
	}
	print := s.prints.of(f)
	id := s.rule(f)
	out := sarifResult{
		RuleID: s.ruled[id].ID, RuleIndex: id, Level: "error",
		Message: sarifText{plain(text).Text, bracesTwice.Replace(marked)},
		PartialFingerprints: map[string]string{
			"reprodiskFinding/v1": print,
			// The only one that GitHub reads. Without it findings at one line of
			// a source would be taken for one.
			"primaryLocationLineHash": print,
		},
		Suppressions: []sarifSuppression{},
		Properties: sarifResultBag{
			ID: report.Cut(report.Visible(f.ID), 2*maxPath), Cause: report.Visible(string(f.Cause)), Bytes: f.Bytes, Values: f.Count, Consequences: n,
			A: report.Cut(report.Visible(f.A), maxValue), B: report.Cut(report.Visible(f.B), maxValue),
			Remedy: report.Cut(report.Visible(f.Remedy), maxAdvice), Variation: report.Cut(report.Visible(f.Variation), maxPath),
		},
	}
	if f.Allowed != "" {
		out.Level = "note"
		out.Suppressions = append(out.Suppressions, sarifSuppression{"external", "accepted", report.Cut(report.Visible(f.Allowed), maxAdvice)})
	}
	out.BaselineState = s.baseline(f)
	bytes := s.ranges(f)
	if s.src != nil {
		out.Locations = []sarifLocation{{PhysicalLocation: sarifPhysicalLocation{
			s.artifact(s.src.Path, sarifArtifact{}), &sarifRegion{StartLine: s.src.Line(f)},
		}}}
	} else {
		out.Locations, bytes = bytes[:1], bytes[1:]
	}
	out.Locations[0].LogicalLocations = []sarifLogicalLocation{{
		Name:               report.Cut(report.Visible(f.Field), maxWhat),
		FullyQualifiedName: report.Cut(report.Visible(f.ID), 2*maxPath), Kind: "member",
	}}
	for i := range bytes {
		id := i + 1
		bytes[i].ID = &id
	}
	out.RelatedLocations = bytes
	return out
}

// baseline is how a finding stands to the earlier report, where there is one
// and it decides: what a rule allows was not looked up.
func (s *sarif) baseline(f *report.Finding) string {
	switch {
	case s.r.Policy == nil || s.r.Policy.Baseline == nil:
		return ""
	case strings.HasPrefix(f.Allowed, "known: "):
		return "unchanged"
	case f.Allowed != "":
		return ""
	case slices.ContainsFunc(s.r.Policy.Baseline.Worse, func(w report.Worse) bool { return w.ID == f.ID }):
		return "updated"
	}
	return "new"
}

// ranges lists where a finding lies in the image, or the image alone where
// its file is not the disk itself: offsets are those of the disk.
func (s *sarif) ranges(f *report.Finding) []sarifLocation {
	in := &s.r.A
	at := s.artifact(imagePath(s.r, in, f.Image), sarifArtifact{Roles: []string{"analysisTarget"}})
	whole := []sarifLocation{{PhysicalLocation: sarifPhysicalLocation{ArtifactLocation: at}}}
	if len(f.Ranges) == 0 || !s.raw(in, f.Image) {
		return whole
	}
	var out []sarifLocation
	for i, g := range f.Ranges[:min(len(f.Ranges), maxRelated)] {
		text := fmt.Sprintf("%s at offset %d", report.Counted(g.Length, "byte"), g.Offset)
		if more := len(f.Ranges) - maxRelated + f.RangesOmitted; i == maxRelated-1 && more > 0 {
			text += fmt.Sprintf(", and %s", report.Counted(int64(more), "more range"))
		}
		out = append(out, sarifLocation{
			Message: &sarifText{Text: text},
			PhysicalLocation: sarifPhysicalLocation{
				ArtifactLocation: at, Region: &sarifRegion{ByteOffset: &g.Offset, ByteLength: &g.Length},
			},
		})
	}
	return out
}

// raw tells whether the bytes of an image's file are those of its disk.
func (s *sarif) raw(in *report.Input, image string) bool {
	if image == "" {
		return in.Format == "raw"
	}
	if format, ok := s.formats[image]; ok {
		return format == "raw" || format == ""
	}
	return !isContainer(lastName(strings.ToLower(image), '.'))
}
