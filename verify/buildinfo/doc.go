// Package buildinfo is the evidence of a verification: what was built from what,
// where, in which worlds, and what came of it, so that somebody else, or the
// same person next year, can do it again.
//
// It is kept as JSON beside the images, in a form that is versioned and has a
// JSON Schema (schema.json). Data runs: package verify collects an Info, Write
// writes it; Read reads one, bounded and checked like any hostile input, and
// verify repeats it.
//
// Values of environment variables are not in it, for they may be secret; the
// names are. Of the builders' output the end is kept.
package buildinfo
