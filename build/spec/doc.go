// Package spec reads what an image shall be: every option of nixpkgs'
// make-disk-image.nix under its own name and with its default, and a few of
// reprodisk's own.
//
// The language is YAML 1.2, or JSON where the file is named *.json or is valid
// JSON. Reading is strict: an unknown or repeated option, a value of the wrong
// type, a second document, an empty one, more than 1 MiB, or nesting deeper
// than 32 levels are errors. A scalar is kept as its source text, so that an
// unquoted `mode: 0755` or `label: 1.10` means what stands there. Every
// assertion of make-disk-image is an error in the words of whoever wrote the
// spec, and every error is one line that begins with file:line:column.
//
// What it refuses beyond that: options that contradict each other; none is ever
// ignored without a word.
//
// Formats: yaml.org/spec/1.2.2, RFC 8259; options: the header of
// nixos/lib/make-disk-image.nix and docs/make-disk-image.md.
//
// Data flows from text to a Spec. The package reads one file and nothing else:
// no environment, no source named in the spec. The languages are package
// document's; it imports nothing else of this project.
package spec
