// Package report holds the outcome of a comparison as plain data, and renders
// it: one renderer a file. Findings are collected once; text and JSON (and
// every later form) only render them, so a report that was saved as JSON can
// be rendered again.
//
// Nothing in a report is trusted: names and values come from images that
// anybody may have made. Renderers escape what a terminal would act on.
//
// The package imports nothing of this project.
package report
