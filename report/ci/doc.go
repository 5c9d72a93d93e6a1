// Package ci renders a report for the places where a merge request is judged:
// JUnit XML, SARIF 2.1.0, GitHub's step summary and workflow commands,
// GitLab's code quality report, and diffoscope's JSON. One file a format.
//
// Data runs one way: a Write function takes a report that is finished, and
// nothing comes back. What several formats need stands apart: which layer of
// a disk a finding belongs to (layer.go), what is said of it in a sentence
// (words.go), what it is called from run to run (identity.go), and which line
// of which file it is shown at (source.go).
//
// The formats are specified, or as good as, in:
//
//   - JUnit: junit-10.xsd of Jenkins' xUnit plugin, a copy of which the tests
//     judge with; GitLab's page "Unit test reports".
//   - SARIF: OASIS "Static Analysis Results Interchange Format (SARIF) Version
//     2.1.0 Plus Errata 01" with its JSON schema; GitHub's page "SARIF support
//     for code scanning" for what that shows, and its limits.
//   - GitHub's page "Workflow commands for GitHub Actions".
//   - GitLab's page "Code Quality", section "Code Quality report format".
//   - diffoscope's readers/json.py (version 1 of its JSON).
//
// Root findings are rendered one by one, what follows from them as a count.
// Each consumer has its limits; what they leave no room for is dropped, the
// allowed findings first, and the output says how many there were.
//
// Strings of a report are anybody's: each is made visible (report.Visible),
// cut, and escaped as the format has it. The same report gives the same bytes.
package ci
