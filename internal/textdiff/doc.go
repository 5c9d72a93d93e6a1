// Package textdiff prints what differs between two texts as a unified diff,
// as specified by POSIX.1-2017, diff, "Diff -U or -u Output Format", with GNU's
// "\ No newline at end of file". patch(1) takes it.
//
// Data runs one way: bytes are cut into lines (text.go), lines are matched
// (match.go), what is left unmatched is printed in hunks (unified.go).
//
// The texts come from images that anybody may have made. The package refuses
// what is no text (invalid UTF-8, a NUL byte) and what is larger than its
// caps. The time it takes is bounded by a budget of work that is counted from
// the input, never by the clock, so the result does not depend on the
// machine. Where the budget ends, a block of lines is printed as replaced as a
// whole: a longer diff, but a right one.
//
// The package imports nothing of this project.
package textdiff
