package stage

import (
	"bytes"
	"encoding/binary"
	"errors"
	"sort"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/internal/tree"
)

const (
	aclAccess  = "system.posix_acl_access"
	aclDefault = "system.posix_acl_default"
)

// keepXattr tells which extended attributes belong to a file rather than to
// the machine it lies on. Left behind are security.selinux, .SMACK64, .apparmor
// (labels of the host's policy), security.ima and .evm (signatures with the
// host's keys over the host's inode), trusted.overlay.* (a container's layers),
// and what other filesystems show as system.* (system.nfs4_acl).
//
// trusted.* is seen by root alone: stage as root, or have none in a source.
func keepXattr(name string) bool {
	switch name {
	case "security.capability", aclAccess, aclDefault:
		return true
	}
	return strings.HasPrefix(name, "user.") ||
		strings.HasPrefix(name, "trusted.") && !strings.HasPrefix(name, "trusted.overlay.")
}

// xattrs reads the extended attributes that are kept, sorted by name, without
// following a link.
func xattrs(path string) ([]tree.Xattr, error) {
	list, err := grow(func(b []byte) (int, error) { return unix.Llistxattr(path, b) })
	if err != nil || len(list) == 0 {
		if errors.Is(err, unix.ENOTSUP) {
			err = nil
		}
		return nil, err
	}
	var out []tree.Xattr
	for _, raw := range bytes.Split(list, []byte{0}) {
		name := string(raw)
		if name == "" || !keepXattr(name) {
			continue
		}
		value, err := grow(func(b []byte) (int, error) { return unix.Lgetxattr(path, name, b) })
		if errors.Is(err, unix.ENODATA) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, tree.Xattr{Name: name, Value: value})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out, nil
}

// grow calls get with buffers that grow until the answer fits. The kernel holds
// both lists and values below 64 KiB.
func grow(get func([]byte) (int, error)) ([]byte, error) {
	for {
		n, err := get(nil)
		if err != nil || n == 0 {
			return nil, err
		}
		b := make([]byte, n)
		n, err = get(b)
		if errors.Is(err, unix.ERANGE) {
			continue // it grew in between
		}
		if err != nil {
			return nil, err
		}
		return b[:n], nil
	}
}

// The access ACL as getxattr returns it (linux/posix_acl_xattr.h): a version,
// then entries of tag, permissions and id, little-endian.
const (
	aclVersion  = 2
	aclHeader   = 4
	aclEntry    = 8
	aclUserObj  = 0x01
	aclGroupObj = 0x04
	aclMask     = 0x10
	aclOther    = 0x20
)

// chmodACL puts new permission bits into an access ACL, as chmod(2) does: the
// group's bits go to the mask where there is one. It returns a new value, or
// the old one where it is no ACL.
func chmodACL(acl []byte, perm uint32) []byte {
	if len(acl) < aclHeader || binary.LittleEndian.Uint32(acl) != aclVersion {
		return acl
	}
	acl = bytes.Clone(acl)
	group := -1
	for at := aclHeader; at+aclEntry <= len(acl); at += aclEntry {
		set := func(at int, bits uint32) { binary.LittleEndian.PutUint16(acl[at+2:], uint16(bits&7)) }
		switch binary.LittleEndian.Uint16(acl[at:]) {
		case aclUserObj:
			set(at, perm>>6)
		case aclOther:
			set(at, perm)
		case aclGroupObj:
			if group < 0 {
				group = at
			}
		case aclMask:
			group = at
		}
	}
	if group >= 0 {
		binary.LittleEndian.PutUint16(acl[group+2:], uint16(perm>>3&7))
	}
	return acl
}
