package ext4cmp

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/ondisk/ext4"
	"github.com/reprodisk/reprodisk/internal/tree"
)

func attribute(name, value string) *ext4.Attribute {
	return &ext4.Attribute{Xattr: tree.Xattr{Name: name, Value: []byte(value)}}
}

func TestAttributesAreShownAsTheirToolsShowThem(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{
			"system.posix_acl_access", "\x02\x00\x00\x00\x01\x00\x06\x00\xff\xff\xff\xff\x02\x00\x04\x00\xe8\x03\x00\x00\x04\x00\x04\x00\xff\xff\xff\xff\x10\x00\x05\x00\xff\xff\xff\xff\x20\x00\x00\x00\xff\xff\xff\xff",
			"user::rw-,user:1000:r--,group::r--,mask::r-x,other::---",
		},
		{"system.posix_acl_default", "\x02\x00\x00\x00\x01\x00\x07\x00\xff\xff\xff\xff", "default:user::rwx"},
		{"system.posix_acl_access", "\x02\x00\x00\x00\x40\x00\x07\x00\xff\xff\xff\xff", "0x0200000040000700ffffffff"},
		{"security.capability", "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", "cap_net_raw=ep"},
		{"security.capability", "\x00\x00\x00\x03\x00\x24\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xe8\x03\x00\x00", "cap_net_bind_service,cap_net_raw=p [rootid=1000]"},
		{"security.capability", "\x01\x00\x00\x02\xff\xff\xff\xff\x00\x00\x00\x00\xff\x01\x00\x00\x00\x00\x00\x00", "=ep"},
		{"security.capability", "\x01\x00\x00\x09", "0x01000009"},
		{"security.selinux", "system_u:object_r:etc_t:s0\x00", "system_u:object_r:etc_t:s0"},
		{"user.binary", "\x00\x01", "0x0001"},
		{"user.long", strings.Repeat("a", 100), strings.Repeat("a", 64) + "…"},
	} {
		if got := showXattr(attribute(c.name, c.value)); got != c.want {
			t.Errorf("%s %x is shown as %s, want %s", c.name, c.value, got, c.want)
		}
	}
	a, b := showXattrs(attribute("user.x", "v\x00"), attribute("user.x", "v"))
	if a == b {
		t.Errorf("two values are both shown as %s", a)
	}
}

func TestAnACLThatTheKernelSetIsShownWithBothValues(t *testing.T) {
	judge.Root(t)
	setfacl := judge.Tool(t, "setfacl")
	tmp := t.TempDir()
	a, b := filepath.Join(tmp, "a"), filepath.Join(tmp, "b")
	s := variants[4].make(t, matrixTree(t), tmp)
	copyFile(t, s.path, a)
	set := "user::rw-,user:1000:r--,group::r--,mask::r--,other::r--"
	mounted(t, a, setfacl+" -m u:1000:r-- d/plain")
	copyFile(t, a, b)
	mounted(t, b, setfacl+" -m u:1000:rw- d/plain")
	for _, f := range compareFiles(t, a, b) {
		if f.Field == "xattr:system.posix_acl_access" {
			if f.A != set || f.B != "user::rw-,user:1000:rw-,group::r--,mask::rw-,other::r--" {
				t.Errorf("shown as %s and %s", f.A, f.B)
			}
			return
		}
	}
	t.Error("no ACL is found to differ")
}
