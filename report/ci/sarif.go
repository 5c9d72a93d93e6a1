package ci

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/reprodisk/reprodisk/report"
)

// Limits of GitHub's code scanning: a run with more results is refused, and
// more than the second number are not shown.
const (
	maxResults   = 25_000
	shownResults = 5_000
)

const (
	sarifSchema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
	projectURI  = "https://github.com/reprodisk/reprodisk"
	maxNotes    = 100 // warnings of a report that become notifications
)

// WriteSARIF writes the root findings as a SARIF 2.1.0 log with one run: a
// rule for each kind of field, a result for each finding. Results lie in the
// source, where there is one, with the bytes of the images as related
// locations; else in image A. What is allowed is a suppressed note with the
// reason as its justification.
func WriteSARIF(w io.Writer, r *report.Report, src *Source) error {
	list := roots(r)
	s := &sarif{
		r: r, src: src, follow: consequences(r), omitted: max(len(list)-maxResults, 0),
		rules: map[string]int{}, files: map[string]int{}, formats: map[string]string{}, prints: newFingerprints(),
	}
	list = list[:len(list)-s.omitted]
	for _, f := range list {
		s.rule(f)
	}
	s.artifacts()
	out := bufio.NewWriterSize(w, 1<<16)
	fmt.Fprintf(out, "{\n\"$schema\": %q,\n\"version\": \"2.1.0\",\n\"runs\": [{\n", sarifSchema)
	members := []struct {
		name  string
		value any
	}{
		{"tool", sarifTool{s.driver()}},
		{"automationDetails", sarifAutomation{"reprodisk/" + strings.ReplaceAll(Subject(r), "/", "_") + "/"}},
		{"invocations", []sarifInvocation{s.invocation(len(list))}},
		{"columnKind", "utf16CodeUnits"},
		{"properties", s.properties()},
	}
	for _, m := range members {
		if err := member(out, m.name, m.value); err != nil {
			return err
		}
	}
	// One by one: a list of many would be held twice. The artifacts come after
	// it, as results enter theirs.
	fmt.Fprint(out, "\"results\": [")
	for i, f := range list {
		b, err := json.Marshal(s.result(f))
		if err != nil {
			return fmt.Errorf("SARIF: %w", err)
		}
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteByte('\n')
		out.Write(b)
	}
	out.WriteString("\n],\n\"artifacts\": ")
	b, err := json.Marshal(s.list)
	if err != nil {
		return fmt.Errorf("SARIF: %w", err)
	}
	out.Write(b)
	out.WriteString("\n}]\n}\n")
	return out.Flush()
}

func member(out *bufio.Writer, name string, value any) error {
	b, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("SARIF: %w", err)
	}
	_, err = fmt.Fprintf(out, "%q: %s,\n", name, b)
	return err
}

// sarif is a run while it is written.
type sarif struct {
	r       *report.Report
	src     *Source
	follow  map[string]int
	omitted int
	prints  *fingerprints

	rules   map[string]int // index in ruled
	ruled   []*sarifRule
	files   map[string]int // index in list, by URI
	list    []sarifArtifact
	formats map[string]string // of the images of folder A, where the report has them
}

// semantic is a version of Semantic Versioning 2.0, perhaps behind a v.
var semantic = regexp.MustCompile(`^v?((0|[1-9][0-9]*)(\.(0|[1-9][0-9]*)){2}(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?)$`)

func (s *sarif) driver() sarifDriver {
	d := sarifDriver{
		Name: "reprodisk", InformationURI: projectURI,
		Version: report.Cut(report.Visible(s.r.Tool.Version), maxPath), Rules: s.ruled,
	}
	if m := semantic.FindStringSubmatch(s.r.Tool.Version); m != nil {
		d.SemanticVersion = m[1]
	}
	if d.Rules == nil {
		d.Rules = []*sarifRule{}
	}
	for _, rule := range d.Rules {
		rule.help()
	}
	return d
}

// invocation says how the run ended, and what it could not read or show.
func (s *sarif) invocation(results int) sarifInvocation {
	out := sarifInvocation{
		ExecutionSuccessful: true, ExitCodeDescription: "no difference that is not allowed",
		Notifications: []sarifNotification{},
	}
	if !s.r.Passes() {
		out.ExitCode, out.ExitCodeDescription = 1, s.r.Headline()
	}
	note := func(text string) {
		out.Notifications = append(out.Notifications, sarifNotification{"warning", plain(text)})
	}
	switch {
	case s.omitted > 0:
		note(fmt.Sprintf("%s more results are left out: GitHub takes %s in a run, and shows %s",
			report.Commas(int64(s.omitted)), report.Commas(maxResults), report.Commas(shownResults)))
	case results > shownResults:
		note(fmt.Sprintf("GitHub shows %s of the %s results", report.Commas(shownResults), report.Commas(int64(results))))
	}
	for i, text := range s.r.Warnings {
		if i == maxNotes {
			note(report.Counted(int64(len(s.r.Warnings)-i), "more warning"))
			break
		}
		note(report.Cut(report.Visible(text), maxAdvice))
	}
	return out
}

func (s *sarif) properties() sarifRunBag {
	out := sarifRunBag{
		Verdict: string(s.r.Verdict), Headline: s.r.Headline(), DifferingBytes: s.r.DifferingBytes, ExplainedBytes: s.r.ExplainedBytes,
		RootFindings: s.r.RootFindings, Consequences: len(s.r.Findings) - s.r.RootFindings, Omitted: s.omitted,
	}
	if v := s.r.Verification; v != nil {
		out.Builds = v.Sentence()
	}
	return out
}

// plain is a message of text alone. In it a brace is written twice, and a
// bracket that would begin a link stands behind a backslash (sections 3.11.5
// and 3.11.6).
func plain(text string) sarifText { return sarifText{Text: unlinked.Replace(text)} }

var unlinked = strings.NewReplacer("{", "{{", "}", "}}", "](", `\](`)
