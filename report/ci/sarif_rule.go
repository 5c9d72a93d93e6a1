package ci

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/reprodisk/reprodisk/report"
)

// maxRemedies is how many different remedies the help of a rule lists.
const maxRemedies = 5

// rule enters the rule of a finding, and gives its index.
func (s *sarif) rule(f *report.Finding) int {
	id := ruleOf(f)
	i, ok := s.rules[id]
	if !ok {
		i = len(s.ruled)
		s.rules[id] = i
		s.ruled = append(s.ruled, newRule(id, f))
	}
	rule := s.ruled[i]
	if meaning, ok := causes[f.Cause]; ok && !slices.Contains(rule.causes, meaning) {
		rule.causes = append(rule.causes, meaning)
		rule.Properties.Tags = append(rule.Properties.Tags, "cause-"+string(f.Cause))
	}
	if remedy := report.Cut(report.Visible(f.Remedy), maxAdvice); remedy != "" &&
		len(rule.remedies) < maxRemedies && !slices.Contains(rule.remedies, remedy) {
		rule.remedies = append(rule.remedies, remedy)
	}
	return i
}

// newRule is a rule without its help, which waits for all remedies.
func newRule(id string, f *report.Finding) *sarifRule {
	field, _, _ := strings.Cut(f.Field, ":")
	what := strings.TrimSpace(strings.Join([]string{f.Format, number.ReplaceAllString(f.Structure, ""), field}, " "))
	what = report.Cut(cmp.Or(report.Visible(what), id), maxWhat)
	level := "error"
	if f.Allowed != "" {
		level = "note"
	}
	rule := &sarifRule{
		ID:                   id,
		ShortDescription:     plain(what + " differs between two builds"),
		FullDescription:      plain("Two builds of the same disk image differ in: " + what + "."),
		DefaultConfiguration: sarifConfiguration{level},
		Properties: sarifRuleBag{
			Tags:     []string{"reproducible-builds"}, // and the causes: GitHub shows ten
			Severity: "error", Certain: "very-high",
		},
	}
	if level == "note" {
		rule.Properties.Severity = "recommendation"
	}
	return rule
}

// help writes the rule's help: cause and remedy.
func (r *sarifRule) help() {
	var text, marked strings.Builder
	if len(r.remedies) == 0 {
		r.remedies = []string{"find what writes this value, and pin it in both builds"}
	}
	for _, part := range []struct {
		name string
		list []string
	}{{"Cause", r.causes}, {"Remedy", r.remedies}} {
		fmt.Fprintf(&marked, "**%s**\n\n", part.name)
		for _, s := range part.list {
			fmt.Fprintf(&text, "%s: %s\n", part.name, s)
			fmt.Fprintf(&marked, "- %s\n", report.MarkdownText(s))
		}
		marked.WriteByte('\n')
	}
	r.Help = sarifText{strings.TrimSpace(plain(text.String()).Text), strings.TrimSpace(bracesTwice.Replace(marked.String()))}
}

// bracesTwice is for Markdown in a message: its brackets are escaped already.
var bracesTwice = strings.NewReplacer("{", "{{", "}", "}}")
