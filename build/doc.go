// Package build makes the disk image that a spec describes: without root,
// without mounting anything, without a virtual machine, and the same bits each
// time.
//
// The phases, in order: stage (what goes onto each filesystem, as trees that
// point at their sources), size (how large the disk is), layout (which
// partition lies where), table, filesystems, output. All that could vary
// (identifiers, clock, order, placement) is derived from the spec or fixed by
// it, so the image depends on the spec, the sources' names, types, modes,
// contents and attributes, and SOURCE_DATE_EPOCH alone.
//
// Data runs from a spec.Spec to one file, which appears whole or not at all.
// What the spec asks for and nothing builds yet is refused by name.
package build
