// Package build makes the disk image that a spec describes: without root,
// without mounting anything, and the same bits each time. A virtual machine is
// started only for what the image's own system has to do.
//
// The phases, in order: stage (what goes onto each filesystem, as trees that
// point at their sources), size (how large the disk is), layout (which
// partition lies where), table, filesystems, guest, output. What a guest leaves
// on its disk is read back into trees, from which the table and the filesystems
// are written once more, on another file: a kernel writes nothing twice alike.
//
// All that could vary (identifiers, clock, order, placement) is derived from the
// spec or fixed by it, so the image depends on the spec, the sources' names,
// types, modes, contents and attributes, SOURCE_DATE_EPOCH, and on what the
// commands that run in a guest or in postVM make of these.
//
// Data runs from a spec.Spec to one file, which appears whole or not at all;
// postVM's shell code has run by then.
package build
