package mkerofs

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/reprodisk/reprodisk/internal/ondisk/erofs"
	"github.com/reprodisk/reprodisk/internal/tree"
)

var prefixes = []struct {
	index uint8
	name  string
}{
	{erofs.XattrUser, "user."},
	{erofs.XattrACLAccess, "system.posix_acl_access"},
	{erofs.XattrACLDefault, "system.posix_acl_default"},
	{erofs.XattrTrusted, "trusted."},
	{erofs.XattrSecurity, "security."},
}

// entry is an attribute as an inode holds it.
type entry struct {
	index uint8
	name  string // without its prefix
	value []byte
}

func entryOf(x tree.Xattr) (entry, error) {
	for _, p := range prefixes {
		name, ok := strings.CutPrefix(x.Name, p.name)
		whole := !strings.HasSuffix(p.name, ".")
		switch {
		case !ok || whole && name != "":
			continue
		case !whole && name == "":
			return entry{}, fmt.Errorf("the attribute %q has no name behind its prefix", x.Name)
		case len(x.Name) > 255 || strings.IndexByte(name, 0) >= 0:
			return entry{}, fmt.Errorf("the attribute %q: a name has at most 255 bytes, and no NUL", x.Name)
		case len(x.Value) > math.MaxUint16:
			return entry{}, fmt.Errorf("the attribute %q has %d bytes, at most %d fit", x.Name, len(x.Value), math.MaxUint16)
		}
		// An ACL is stored in the form that getxattr(2) returns.
		return entry{p.index, name, x.Value}, nil
	}
	return entry{}, fmt.Errorf("the attribute %q: erofs stores only user., trusted., security. and POSIX ACLs", x.Name)
}

// encodeXattrs is what follows an inode: a header and its attributes, each
// filled up to four bytes; nothing where there are none.
func encodeXattrs(list []tree.Xattr) ([]byte, error) {
	if len(list) == 0 {
		return nil, nil
	}
	entries := make([]entry, len(list))
	for i, x := range list {
		var err error
		if entries[i], err = entryOf(x); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.index, b.index), cmp.Compare(a.name, b.name))
	})
	var b bytes.Buffer
	b.Write(make([]byte, erofs.XattrHeaderSize))
	for i, e := range entries {
		if i > 0 && e.index == entries[i-1].index && e.name == entries[i-1].name {
			return nil, fmt.Errorf("the attribute %q is there twice", e.name)
		}
		b.Write(erofs.XattrEntryLayout.Encode(&erofs.XattrEntry{NameLen: uint8(len(e.name)), NameIndex: e.index, ValueSize: uint16(len(e.value))}))
		b.WriteString(e.name)
		b.Write(e.value)
		b.Write(make([]byte, -b.Len()&3))
	}
	if icount(b.Len()) > math.MaxUint16 {
		return nil, fmt.Errorf("the attributes take %d bytes, at most %d fit", b.Len(), 4*math.MaxUint16)
	}
	return b.Bytes(), nil
}

// icount is i_xattr_icount for attributes of n bytes.
func icount(n int) int {
	if n == 0 {
		return 0
	}
	return (n-erofs.XattrHeaderSize)/4 + 1
}
