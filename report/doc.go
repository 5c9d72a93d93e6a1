// Package report holds the outcome of a comparison as plain data, and renders
// it: one renderer a file. Findings are collected once; text and JSON (and
// every later form) only render them, so a report that was saved as JSON can
// be rendered again.
//
// Data runs one way: a comparison fills a Report and calls Finish, which sorts
// it, derives the verdict and the counts, and checks that they add up. The
// Write functions render it. ReadJSON takes in what WriteJSON wrote. The JSON
// is specified by schema.json (JSON Schema, draft 2020-12), which is made from
// the types here and their comments.
//
// Nothing in a report is trusted: names and values come from images that
// anybody may have made, and a report may come from anybody too. Strings hold
// what the image has, made valid UTF-8 by Printable; renderers escape what a
// terminal would act on. ReadJSON refuses another schema version, a report
// over 128 MiB, and one whose counts do not add up.
//
// The package imports nothing of this project.
package report
