// Package policy decides what may differ: it reads .reprodisk.yaml and holds a
// report against it.
//
// A policy is a list of rules. A rule names findings, by field, file,
// partition, byte range, cause or image, and says why they may differ; it may
// have a last day. A baseline is an earlier report: what it has is known, and
// only what is new decides. The flags --ignore and --exclude are rules too.
//
// Data runs one way: Load or Parse reads a Policy; Gate.Judge marks the
// findings of a report that something allows with the reason (Finding.Allowed),
// enters what came of each rule (Report.Policy, and a warning for each rule
// that is unused or expired), and finishes the report again. What follows from
// an allowed finding is no cause of its own, so nobody has to allow checksums.
//
// What it refuses: unknown and repeated keys, a rule that names nothing, a rule
// without a reason or with a placeholder for one, dates, causes and ranges that
// are none. Where it cannot be known whether a rule names all of a finding
// (files or ranges that the report leaves out), it does not.
//
// docs/policy.md describes the language; schema.json is its JSON Schema, draft
// 2020-12. The package imports the report and internal/document, and looks at
// no clock: the day is given.
package policy
