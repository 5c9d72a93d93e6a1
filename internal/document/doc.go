// Package document reads the texts that people write for this program, specs
// and policies, into values with their places.
//
// The language is YAML 1.2, or JSON (RFC 8259) where the file is named *.json
// or is valid JSON. Reading is strict: what is no UTF-8, a second document, an
// empty one, more than 1 MiB, tags, or nesting deeper than 32 levels are errors;
// every error is one line that begins with file:line:column. A scalar is kept
// as its source text, so that an unquoted 0755 or 1.10 means what stands there.
//
// Formats: yaml.org/spec/1.2.2, RFC 8259. Data flows from text to a Node. The
// package imports nothing of this project.
package document
