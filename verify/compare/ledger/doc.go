// Package ledger keeps the account of a comparison: which things differ, and
// which finding owns each differing byte.
//
// A comparer of one format works in two steps. It first compares what the two
// sides mean (fields, trees, contents) and enters a Finding for everything
// that differs. Then Sweep walks the bytes that differ and asks it who owns
// each; what it does not claim goes to a finding of structure "unknown", so
// that the sum over all findings is always the number of differing bytes.
//
// A finding that differs only because another does Follows it. Findings
// (the method) resolves these links, drops what turned out to own nothing and
// mean nothing, and gives the report's form.
//
// Data flows in one direction: comparers → ledger → report. The package knows
// no format.
package ledger
