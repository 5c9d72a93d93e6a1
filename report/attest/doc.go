// Package attest says of a report that passed, in a form that can be signed,
// what was built and found: an in-toto Statement.
//
// Data runs one way: New takes a finished report and gives a Statement, Write
// writes it as JSON. Nothing is signed here; cosign and its like do that. The
// statement holds no clock: the same report gives the same bytes.
//
// What it refuses: a report whose gate is closed, or open only because a
// baseline knows the differences; one that is limited to one partition; one
// without digests of everything that was compared.
//
// Formats: in-toto Attestation Framework, Statement v1
// (github.com/in-toto/attestation, spec/v1/statement.md and
// resource_descriptor.md). The predicate is ours: docs/attestation.md, and its
// JSON Schema in schema.json, which is made from the types here.
package attest
