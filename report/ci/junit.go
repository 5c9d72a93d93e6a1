package ci

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/reprodisk/reprodisk/report"
)

// What a test case shows of its findings: Jenkins and GitLab print a failure
// as a whole, and GitLab takes 30 MiB of XML.
const (
	maxCaseFindings = 25
	maxCaseBytes    = 64 << 10
	maxJUnit        = 12 << 20 // of all findings; names and attributes come on top
)

// WriteJUnit writes the report as JUnit XML: a suite for each image, a case
// for each partition and layer. A case fails where something differs that is
// not allowed; the failure shows the findings. Where all that differs is
// allowed it is skipped, with the reasons: a consumer counts it apart from what
// is the same, and does not fail. All other cases pass.
func WriteJUnit(w io.Writer, r *report.Report) error {
	out := bufio.NewWriterSize(w, 1<<16)
	j := &junitXML{w: out, r: r, left: maxJUnit}
	j.report()
	return out.Flush() // which keeps the first error
}

type junitXML struct {
	w    *bufio.Writer
	r    *report.Report
	left int // bytes of text that cases may still hold
}

// suites parts the checks by image.
func suites(all []*check) (out [][]*check) {
	for i, c := range all {
		if i == 0 || c.image != all[i-1].image {
			out = append(out, nil)
		}
		last := &out[len(out)-1]
		*last = append(*last, c)
	}
	return out
}

func (j *junitXML) report() {
	all := checks(j.r)
	failures, _ := tally(all)
	j.w.WriteString(xml.Header)
	j.open("testsuites", "name", "reprodisk", "tests", fmt.Sprint(len(all)), "failures", fmt.Sprint(failures), "errors", "0")
	for i, cases := range suites(all) {
		name := cmp.Or(report.Cut(report.Visible(cases[0].image), maxPath), Subject(j.r))
		j.suite(name, cases, i == 0)
	}
	j.close("testsuites")
}

func tally(cases []*check) (failures, skipped int) {
	for _, c := range cases {
		if c.failed() {
			failures++
		} else if c.allowed() {
			skipped++
		}
	}
	return failures, skipped
}

func (j *junitXML) suite(name string, cases []*check, first bool) {
	failures, skipped := tally(cases)
	j.open("testsuite", "name", name, "tests", fmt.Sprint(len(cases)),
		"failures", fmt.Sprint(failures), "errors", "0", "skipped", fmt.Sprint(skipped))
	if first {
		j.properties()
	}
	// Jenkins takes what stands before the last dot for a package.
	class := "reprodisk." + strings.ReplaceAll(name, ".", "_")
	for _, c := range cases {
		j.testcase(class, c)
	}
	j.close("testsuite")
}

// properties say what was compared, and how it came about.
func (j *junitXML) properties() {
	list := [][2]string{
		{"verdict", j.r.Headline()},
		{"a", j.r.A.Path},
		{"a.digest", j.r.A.Digest},
		{"b", j.r.B.Path},
		{"b.digest", j.r.B.Digest},
		{"reprodisk", j.r.Tool.Version},
	}
	if v := j.r.Verification; v != nil {
		list = append(list, [2]string{"builds", v.Sentence()}, [2]string{"spec", v.Spec}, [2]string{"spec.digest", v.SpecDigest})
	}
	j.open("properties")
	for _, p := range list {
		if p[1] != "" {
			j.empty("property", "name", p[0], "value", report.Cut(report.Visible(p[1]), 4*maxPath))
		}
	}
	j.close("properties")
}

func (j *junitXML) testcase(class string, c *check) {
	attributes := []string{"name", c.name, "classname", class}
	switch {
	case c.failed():
		j.open("testcase", attributes...)
		j.text("failure", j.body(c), "message", headline(c), "type", string(c.layer))
		j.close("testcase")
	case c.allowed():
		j.open("testcase", attributes...)
		j.empty("skipped", "message", headline(c))
		j.text("system-out", j.body(c))
		j.close("testcase")
	default:
		j.empty("testcase", attributes...)
	}
}

// headline names what differs in one line.
func headline(c *check) string {
	if c.why != "" {
		return c.why
	}
	var open, allowed []*report.Finding
	for _, f := range c.roots {
		if f.Allowed == "" {
			open = append(open, f)
		} else {
			allowed = append(allowed, f)
		}
	}
	if len(open) == 0 {
		return fmt.Sprintf("%s: %s (%s)", report.Counted(int64(len(allowed)), "allowed difference"),
			names(allowed), report.Cut(report.Visible(allowed[0].Allowed), maxPath))
	}
	out := fmt.Sprintf("%s: %s", report.Counted(int64(len(open)), "cause"), names(open))
	if len(allowed) > 0 {
		out += ", and " + report.Counted(int64(len(allowed)), "allowed difference")
	}
	return out
}

// names lists the first of several findings.
func names(list []*report.Finding) string {
	const most = 3
	var out []string
	for _, f := range list[:min(len(list), most)] {
		out = append(out, title(f))
	}
	if len(list) > most {
		out = append(out, "…")
	}
	return strings.Join(out, ", ")
}

// body shows the findings, those that are not allowed first, as the terminal
// does.
func (j *junitXML) body(c *check) string {
	var out bytes.Buffer
	shown := 0
	for _, allowed := range []bool{false, true} {
		for _, f := range c.roots {
			if (f.Allowed != "") != allowed || shown == maxCaseFindings || out.Len() >= min(maxCaseBytes, j.left) {
				continue
			}
			if shown > 0 {
				out.WriteByte('\n')
			}
			s := f.Text(report.TextOptions{Width: 100})
			if len(s) > maxCaseBytes {
				s = title(f) + "\n"
			}
			out.WriteString(s)
			shown++
		}
	}
	if n := len(c.roots) - shown; n > 0 {
		fmt.Fprintf(&out, "\n… and %s more\n", report.Commas(int64(n)))
	}
	if c.why != "" {
		out.WriteString(c.why + "\n")
	}
	for _, s := range c.notes[:min(len(c.notes), maxCaseFindings)] {
		out.WriteString(report.Cut(report.Visible(s), maxAdvice) + "\n")
	}
	if len(c.more) > 0 {
		fmt.Fprintf(&out, "\nand %s\n", report.Consequences(c.more))
	}
	j.left -= out.Len()
	return out.String()
}

func (j *junitXML) tag(name, end string, attributes []string) {
	j.w.WriteString("<" + name)
	for i := 0; i+1 < len(attributes); i += 2 {
		j.w.WriteString(" " + attributes[i] + `="`)
		xml.EscapeText(j.w, []byte(attributes[i+1]))
		j.w.WriteByte('"')
	}
	j.w.WriteString(end)
}

func (j *junitXML) open(name string, attributes ...string)  { j.tag(name, ">\n", attributes) }
func (j *junitXML) empty(name string, attributes ...string) { j.tag(name, "/>\n", attributes) }
func (j *junitXML) close(name string)                       { j.w.WriteString("</" + name + ">\n") }

func (j *junitXML) text(name, body string, attributes ...string) {
	j.tag(name, ">", attributes)
	inText.WriteString(j.w, body)
	j.close(name)
}

// inText escapes for XML 1.0 what is visible already: of the characters that
// XML has no place for (section 2.2) Visible has left none.
var inText = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
