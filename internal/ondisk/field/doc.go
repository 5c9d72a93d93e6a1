// Package field turns one Go struct into everything that a program needs to
// know about an on-disk structure: how to decode it, how to encode it, and
// which bytes each of its fields occupies.
//
// A format package declares a structure once, as a Go struct whose fields
// stand in on-disk order and carry the specification's own names in a tag:
//
//	type Superblock struct {
//		InodesCount   uint32   `disk:"s_inodes_count"`
//		BlocksCountLo uint32   `disk:"s_blocks_count_lo"`
//		...
//		UUID          [16]byte `disk:"s_uuid,uuid"`
//	}
//
//	var SuperblockLayout = field.MustOf[Superblock](binary.LittleEndian)
//
// The part of the tag before the comma is the field's name, the part after it
// the Kind, which says how a value is shown to a person and what sort of
// thing it is. Only fixed-size types are allowed (unsigned and signed
// integers, arrays of them, nested structs); there is no padding, so an
// on-disk gap must be declared as a reserved field of its own.
//
// A nested struct contributes its own fields, with its tag's name and a dot
// in front unless that name is empty. An array of structs contributes
// name[0].x, name[1].x and so on. An array of integers is one field.
//
// The package knows no format. It imports nothing of this project.
package field
