package field

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"sort"
	"strings"
)

// Field is one named byte range of a structure.
type Field struct {
	Name   string // the specification's name
	Offset int    // bytes from the structure's first byte
	Length int    // bytes
	Kind   Kind   // how the value is shown, and what sort of thing it is

	order binary.ByteOrder
	elem  int // size of one array element in bytes; Length where it is no array
}

// End is the offset of the first byte behind the field.
func (f Field) End() int { return f.Offset + f.Length }

// Slice is the part of the encoded structure b that holds the field. It is
// empty where b is too short to hold it.
func (f Field) Slice(b []byte) []byte {
	if f.Offset >= len(b) {
		return nil
	}
	return b[f.Offset:min(f.End(), len(b))]
}

// Layout is what is known about the structure T.
type Layout[T any] struct {
	order  binary.ByteOrder
	size   int
	fields []Field
}

// MustOf derives the layout of T in the given byte order, and panics where T
// is no fixed-size structure or a field carries no name: both are mistakes in
// a declaration, found by any test that imports the package.
func MustOf[T any](order binary.ByteOrder) Layout[T] {
	var zero T
	size := binary.Size(zero)
	if size < 0 {
		panic(fmt.Sprintf("field: %T is not of fixed size", zero))
	}
	l := Layout[T]{order: order, size: size}
	end := l.add(reflect.TypeFor[T](), "", 0)
	if end != size {
		panic(fmt.Sprintf("field: %T: fields end at %d, structure at %d", zero, end, size))
	}
	return l
}

func (l *Layout[T]) add(t reflect.Type, prefix string, off int) int {
	for i := range t.NumField() {
		sf := t.Field(i)
		tag, ok := sf.Tag.Lookup("disk")
		if !ok {
			panic(fmt.Sprintf("field: %v.%s has no disk tag", t, sf.Name))
		}
		name, kindName, _ := strings.Cut(tag, ",")
		kind, err := parseKind(kindName)
		if err != nil {
			panic(fmt.Sprintf("field: %v.%s: %v", t, sf.Name, err))
		}
		switch {
		case sf.Type.Kind() == reflect.Struct:
			off = l.add(sf.Type, join(prefix, name), off)
		case sf.Type.Kind() == reflect.Array && sf.Type.Elem().Kind() == reflect.Struct:
			for j := range sf.Type.Len() {
				off = l.add(sf.Type.Elem(), join(prefix, fmt.Sprintf("%s[%d]", name, j)), off)
			}
		default:
			if name == "" {
				panic(fmt.Sprintf("field: %v.%s has no name", t, sf.Name))
			}
			n := int(sf.Type.Size())
			elem := n
			if sf.Type.Kind() == reflect.Array {
				elem = int(sf.Type.Elem().Size())
			}
			l.fields = append(l.fields, Field{Name: prefix + name, Offset: off, Length: n, Kind: kind, order: l.order, elem: elem})
			off += n
		}
	}
	return off
}

func join(prefix, name string) string {
	if name == "" {
		return prefix
	}
	return prefix + name + "."
}

// Size is the structure's length in bytes.
func (l Layout[T]) Size() int { return l.size }

// Fields lists the fields in on-disk order. They cover the structure without
// gap or overlap. The caller must not change the slice.
func (l Layout[T]) Fields() []Field { return l.fields }

// At is the field that owns the byte at offset off of the structure.
// It panics where off is outside the structure.
func (l Layout[T]) At(off int) Field {
	i := sort.Search(len(l.fields), func(i int) bool { return l.fields[i].End() > off })
	return l.fields[i]
}

// Named is the field of that name; ok is false where there is none.
func (l Layout[T]) Named(name string) (f Field, ok bool) {
	for _, f := range l.fields {
		if f.Name == name {
			return f, true
		}
	}
	return Field{}, false
}

// Decode reads the structure from the front of b. A b that is shorter than
// the structure is read as though zeros followed it: several structures grew
// over time, and their shorter forms are defined that way. Callers for which a
// short b is an error check its length first.
func (l Layout[T]) Decode(b []byte) T {
	var v T
	if len(b) < l.size {
		full := make([]byte, l.size)
		copy(full, b)
		b = full
	}
	if _, err := binary.Decode(b, l.order, &v); err != nil {
		panic(err) // only a type that is not of fixed size, refused by MustOf
	}
	return v
}

// Encode returns the structure's Size bytes.
func (l Layout[T]) Encode(v *T) []byte {
	b := make([]byte, l.size)
	l.Put(b, v)
	return b
}

// Put writes the structure to the front of b, as far as b goes: where b is
// shorter than the structure, the fields behind b's end are left out.
func (l Layout[T]) Put(b []byte, v *T) {
	dst := b
	if len(b) < l.size {
		dst = make([]byte, l.size)
	}
	if _, err := binary.Encode(dst, l.order, v); err != nil {
		panic(err) // as in Decode
	}
	if len(b) < l.size {
		copy(b, dst)
	}
}

// Diff lists the fields that differ between two encoded structures. Where one
// is shorter, only what both hold is compared.
func (l Layout[T]) Diff(a, b []byte) []Field {
	var out []Field
	n := min(len(a), len(b))
	for _, f := range l.fields {
		if f.Offset >= n {
			break
		}
		if string(f.Slice(a[:n])) != string(f.Slice(b[:n])) {
			out = append(out, f)
		}
	}
	return out
}
