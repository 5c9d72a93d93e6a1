package ci

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"path"
	"strings"

	"github.com/reprodisk/reprodisk/report"
)

// maxIssues is how many issues are written. GitLab names no limit; nobody
// reads more.
const maxIssues = 5000

// issue is one entry of GitLab's code quality report.
type issue struct {
	Description string        `json:"description"`
	CheckName   string        `json:"check_name"`
	Fingerprint string        `json:"fingerprint"`
	Severity    string        `json:"severity"` // info, minor, major, critical or blocker
	Location    issueLocation `json:"location"`
}

type issueLocation struct {
	Path  string     `json:"path"`
	Lines issueLines `json:"lines"`
}

type issueLines struct {
	Begin int `json:"begin"`
}

// WriteGitLab writes the root findings as GitLab's code quality report, at the
// lines of the source, or else at the image. What is not allowed is "major",
// what is allowed is "info".
func WriteGitLab(w io.Writer, r *report.Report, src *Source) error {
	out := bufio.NewWriterSize(w, 1<<16)
	list := roots(r)
	prints := newFingerprints()
	out.WriteString("[")
	separator := "\n"
	add := func(i issue) error {
		b, err := json.Marshal(i)
		if err != nil {
			return fmt.Errorf("code quality report: %w", err)
		}
		out.WriteString(separator)
		out.Write(b)
		separator = ",\n"
		return nil
	}
	for _, f := range list[:min(len(list), maxIssues)] {
		i := issue{
			Description: strings.Join(append([]string{sentence(r, f)}, advice(f)...), "; "),
			CheckName:   ruleOf(f), Fingerprint: prints.of(f), Severity: "major",
			Location: issueLocation{issuePath(r, f, src), issueLines{src.Line(f)}},
		}
		if f.Allowed != "" {
			i.Severity = "info"
		}
		if err := add(i); err != nil {
			return err
		}
	}
	if n := len(list) - maxIssues; n > 0 {
		f := list[maxIssues]
		err := add(issue{
			Description: fmt.Sprintf("%s more differences are not listed here", report.Commas(int64(n))),
			CheckName:   "more", Fingerprint: "more", Severity: "info",
			Location: issueLocation{issuePath(r, f, src), issueLines{1}},
		})
		if err != nil {
			return err
		}
	}
	for i, x := range idle(r) {
		at := issueLocation{issuePath(r, &report.Finding{}, src), issueLines{1}}
		if rule := ruleLine(x); rule != nil {
			at = issueLocation{report.Visible(rule.Path), issueLines{rule.line}}
		}
		entry := issue{
			Description: report.Cut(report.Visible(x.Warning()), 2*maxAdvice), CheckName: "policy/" + report.Visible(string(x.State)),
			Fingerprint: fmt.Sprintf("policy:%d", i), Severity: "minor", Location: at,
		}
		if r.Blocked() != "" {
			entry.Severity = "major"
		}
		if i == maxIssues {
			break
		}
		if err := add(entry); err != nil {
			return err
		}
	}
	out.WriteString("\n]\n")
	return out.Flush()
}

// issuePath is relative to the repository, without "./", as GitLab wants it.
func issuePath(r *report.Report, f *report.Finding, src *Source) string {
	if src != nil {
		return report.Visible(src.Path)
	}
	return report.Visible(strings.TrimLeft(path.Clean("/"+imagePath(r, &r.A, f.Image)), "/"))
}

// imagePath is the path of a compared image.
func imagePath(r *report.Report, in *report.Input, image string) string {
	if image == "" {
		return in.Path
	}
	return strings.TrimRight(in.Path, "/") + "/" + image
}

// uriOf is a path as a URI reference (RFC 3986 section 4.1): relative where
// the path is.
func uriOf(name string) string {
	if name == "" {
		return "image"
	}
	u := url.URL{Path: report.Visible(name)}
	if path.IsAbs(name) {
		u.Scheme = "file"
		return u.String()
	}
	// A colon in the first name would end a scheme.
	return strings.ReplaceAll(strings.TrimPrefix(u.String(), "./"), ":", "%3A")
}
