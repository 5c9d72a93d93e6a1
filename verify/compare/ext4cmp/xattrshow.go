package ext4cmp

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/reprodisk/reprodisk/internal/ondisk/ext4"
	"github.com/reprodisk/reprodisk/internal/ondisk/field"
)

// maxShown is how many bytes of a value are shown.
const maxShown = 64

// showXattrs renders an attribute's two values, of which either may be missing:
// ACLs as getfacl does, capabilities as getcap, text as text, all else in
// hexadecimal digits.
func showXattrs(a, b *ext4.Attribute) (string, string) {
	x, y := showXattr(a), showXattr(b)
	if a != nil && b != nil && x == y && max(len(a.Value), len(b.Value)) <= maxShown { // they differ in what is not shown
		return "0x" + hex.EncodeToString(a.Value), "0x" + hex.EncodeToString(b.Value)
	}
	return x, y
}

func showXattr(x *ext4.Attribute) string {
	if x == nil {
		return ""
	}
	v, more := x.Value, ""
	switch x.Name {
	case "system.posix_acl_access":
		if s, ok := showACL(v, ""); ok {
			return s
		}
	case "system.posix_acl_default":
		if s, ok := showACL(v, "default:"); ok {
			return s
		}
	case "security.capability":
		if s, ok := showCapabilities(v); ok {
			return s
		}
	}
	if n := len(v); n > 0 && v[n-1] == 0 {
		v = v[:n-1] // SELinux ends its labels so
	}
	text := utf8.Valid(v) && !slices.ContainsFunc(v, func(c byte) bool { return c < ' ' })
	if len(v) > maxShown {
		v, more = v[:maxShown], "…"
	}
	if text {
		return field.ShowText(v) + more
	}
	return "0x" + hex.EncodeToString(x.Value[:min(len(x.Value), maxShown)]) + more
}

// Tags of an ACL's entries (include/uapi/linux/posix_acl.h) as getfacl names
// them.
var aclTags = map[uint16]string{0x01: "user", 0x02: "user", 0x04: "group", 0x08: "group", 0x10: "mask", 0x20: "other"}

// showACL renders an ACL in the form of getxattr(2), which is a version and
// then entries of eight bytes: tag, permissions, id.
func showACL(v []byte, prefix string) (string, bool) {
	if len(v) < 4 || len(v)%8 != 4 || le.Uint32(v) != 2 {
		return "", false
	}
	var out []string
	for e := v[4:]; len(e) > 0; e = e[8:] {
		tag, perm, id := le.Uint16(e), le.Uint16(e[2:]), ""
		name, ok := aclTags[tag]
		if !ok {
			return "", false
		}
		if tag == 0x02 || tag == 0x08 {
			id = fmt.Sprint(le.Uint32(e[4:]))
		}
		bits := []byte("rwx")
		for i := range bits {
			if perm>>(2-i)&1 == 0 {
				bits[i] = '-'
			}
		}
		out = append(out, fmt.Sprintf("%s%s:%s:%s", prefix, name, id, bits))
	}
	return strings.Join(out, ","), true
}

// capabilityNames are those of include/uapi/linux/capability.h by number.
var capabilityNames = [...]string{
	"chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap", "linux_immutable",
	"net_bind_service", "net_broadcast", "net_admin", "net_raw", "ipc_lock", "ipc_owner", "sys_module", "sys_rawio", "sys_chroot",
	"sys_ptrace", "sys_pacct", "sys_admin", "sys_boot", "sys_nice", "sys_resource", "sys_time", "sys_tty_config", "mknod", "lease",
	"audit_write", "audit_control", "setfcap", "mac_override", "mac_admin", "syslog", "wake_alarm", "block_suspend", "audit_read",
	"perfmon", "bpf", "checkpoint_restore",
}

// Parts of vfs_cap_data's magic_etc.
const (
	capRevision  = 0xff000000
	capRevision1 = 0x01000000
	capRevision2 = 0x02000000
	capRevision3 = 0x03000000 // a user namespace's root follows
	capEffective = 0x000001
)

// showCapabilities renders struct vfs_cap_data: "cap_net_raw=ep".
func showCapabilities(v []byte) (string, bool) {
	if len(v) < 4 {
		return "", false
	}
	magic := le.Uint32(v)
	size, root := 20, ""
	switch magic & capRevision {
	case capRevision1:
		size = 12
	case capRevision2:
	case capRevision3:
		size = 24
	default:
		return "", false
	}
	if len(v) != size {
		return "", false
	}
	permitted, inheritable := uint64(le.Uint32(v[4:])), uint64(le.Uint32(v[8:]))
	if size > 12 {
		permitted |= uint64(le.Uint32(v[12:])) << 32
		inheritable |= uint64(le.Uint32(v[16:])) << 32
	}
	if size == 24 {
		root = fmt.Sprintf(" [rootid=%d]", le.Uint32(v[20:]))
	}
	const known = 1<<len(capabilityNames) - 1
	var out []string
	for _, set := range []struct {
		caps    uint64
		letters string
	}{{permitted & inheritable, "ip"}, {permitted &^ inheritable, "p"}, {inheritable &^ permitted, "i"}} {
		if set.caps == 0 {
			continue
		}
		letters := set.letters
		if magic&capEffective != 0 {
			letters = "e" + letters
		}
		var names []string
		for n := range 64 {
			switch {
			case set.caps>>n&1 == 0 || set.caps == known:
			case n < len(capabilityNames):
				names = append(names, "cap_"+capabilityNames[n])
			default:
				names = append(names, fmt.Sprint(n))
			}
		}
		out = append(out, strings.Join(names, ",")+"="+letters)
	}
	if len(out) == 0 {
		out = []string{"="}
	}
	return strings.Join(out, " ") + root, true
}
