package ci

import (
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/report"
)

const script = `#!/bin/sh
# mkfs.ext4 in a comment is no call, nor is /etc/motd
set -eu
root=$(mktemp -d)
PATH=/usr/sbin:/usr/bin
cp -r files/etc "$root/etc"
install -m 644 motd "$root/etc/motd"
install greet ${root}/usr/bin/
cp state.json rootfs/var/lib/appliance/state.json
mkfs.ext4 -d "$root" root.img
tune2fs -L nixos root.img
/usr/sbin/sgdisk -n 1:2048:0 disk.img
qemu-img convert -O qcow2 disk.img disk.qcow2
mkfs.erofs -zlz4 store.img "$root"
`

func TestFindingsAreShownAtTheLineThatMakesThem(t *testing.T) {
	s := NewSource("build.sh", []byte(script))
	for want, list := range map[int][]report.Finding{
		7: {{Format: "ext4", Structure: "data", Field: "content", File: "/etc/motd"}},
		6: {{Format: "ext4", Structure: "data", Field: "content", File: "/etc/ssl/certs/a.pem"}, {Format: "ext4", File: "/etc"}},
		8: {{Format: "ext4", Structure: "inode", Field: "i_mode", File: "/usr/bin/greet"}},
		9: {{Format: "ext4", Structure: "data", Field: "content", File: "/var/lib/appliance/state.json"}},
		10: {
			{Format: "ext4", Structure: "superblock", Field: "s_hash_seed", Cause: report.Random},
			{Format: "ext4", Structure: "data", Field: "content", File: "/usr/sbin"[:4]},
			{Format: "ext4", Structure: "data", Field: "content", File: "/var/log/build.log"},
		},
		12: {{Format: "gpt", Structure: "primary header", Field: "DiskGUID"}},
		13: {{Format: "qcow2", Field: "header"}},
		14: {{Format: "erofs", Structure: "superblock", Field: "uuid", Cause: report.Random}},
		1:  {{Format: "fat", Field: "BS_VolID"}, {Format: "disk", Structure: "gap"}, {File: "motd"}, {File: "../../etc/motd"}},
	} {
		for _, f := range list {
			if got := s.Line(&f); got != want {
				t.Errorf("%s %s %s: line %d, want %d", f.Format, f.Field, f.File, got, want)
			}
		}
	}
}

const sampleSpec = `name: appliance
partitionTableType: efi
"sourceDateEpoch": 1
contents:
  - source: rootfs
    target: /
  - {source: motd, target: /etc/motd}
  - source: state
    target: /var/lib
`

func TestFindingsAreShownAtTheOptionOfASpec(t *testing.T) {
	s := NewSource("spec.yaml", []byte(sampleSpec))
	for want, list := range map[int][]report.Finding{
		7: {{Format: "ext4", Field: "content", File: "/etc/motd"}},
		9: {{Format: "ext4", Field: "content", File: "/var/lib/x/y"}},
		3: {{Format: "ext4", Structure: "superblock", Field: "s_wtime", Cause: report.Time}},
		2: {{Format: "gpt", Field: "DiskGUID", Cause: report.Random}, {Format: "disk"}},
	} {
		for _, f := range list {
			if got := s.Line(&f); got != want {
				t.Errorf("%s %s %s: line %d, want %d", f.Format, f.Field, f.File, got, want)
			}
		}
	}
	s = NewSource("spec.yaml", []byte("name: store\nfsType: erofs\nlabel: store\nrootFSUID: 00000000-0000-0000-0000-000000000001\n"))
	for want, field := range map[int]string{2: "placement", 3: "volume_name", 4: "uuid"} {
		if got := s.Line(&report.Finding{Format: "erofs", Field: field}); got != want {
			t.Errorf("%s: line %d, want %d", field, got, want)
		}
	}
	if got := NewSourceAt("Makefile", 17).Line(&report.Finding{File: "/etc/motd"}); got != 17 {
		t.Error(got)
	}
	if got := (*Source)(nil).Line(&report.Finding{}); got != 1 {
		t.Error(got)
	}
}

// A source is anybody's file: nothing in it takes long.
func FuzzSource(f *testing.F) {
	f.Add(script, "/etc/motd", "ext4")
	f.Add(sampleSpec, "/var/lib/x", "gpt")
	f.Add(strings.Repeat("/", 5000), "/a", "qcow2.gz")
	f.Fuzz(func(t *testing.T, text, file, format string) {
		n := NewSource("x", []byte(text)).Line(&report.Finding{File: file, Format: format})
		if n < 1 || n > strings.Count(text, "\n")+1 {
			t.Errorf("line %d", n)
		}
	})
}
