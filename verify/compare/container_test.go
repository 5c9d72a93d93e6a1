package compare

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/report"
)

// conversions are the formats that qemu-img makes, and the fields in which two
// conversions of one disk differ.
var conversions = []struct {
	name, ext string
	args      []string
	fields    []string
}{
	{"qcow2", "qcow2", []string{"-O", "qcow2"}, nil},
	{"compressed qcow2", "qcow2", []string{"-c", "-O", "qcow2"}, nil},
	{"vdi", "vdi", []string{"-O", "vdi"}, []string{"uuid_image", "uuid_last_snap"}},
	{"vpc", "vhd", []string{"-O", "vpc"}, []string{"UniqueId", "TimeStamp"}},
	{"vpc of the exact size", "vhd", []string{"-O", "vpc", "-o", "force_size=on"}, []string{"UniqueId", "TimeStamp"}},
	{"vmdk", "vmdk", []string{"-O", "vmdk"}, []string{"CID"}},
	{"stream-optimised vmdk", "vmdk", []string{"-O", "vmdk", "-o", "subformat=streamOptimized"}, []string{"CID"}},
	{"vhdx", "vhdx", []string{"-O", "vhdx"}, []string{"SequenceNumber", "FileWriteGuid", "DataWriteGuid", "VirtualDiskId", "entries"}},
}

func TestAnImageEqualsItsConversions(t *testing.T) {
	tmp := t.TempDir()
	raw := filepath.Join(tmp, "disk.raw")
	gptDisk(t, raw)
	for _, c := range conversions {
		// A VMDK holds its own name: two folders.
		a, b := filepath.Join(t.TempDir(), "disk."+c.ext), filepath.Join(t.TempDir(), "disk."+c.ext)
		judge.Must(t, "qemu-img", append(append([]string{"convert", "-f", "raw"}, c.args...), raw, a)...)
		if r := openAndCompare(t, raw, a); r.Verdict != report.Reproducible || len(r.Findings) != 0 {
			t.Errorf("%s: the raw disk and its conversion are %s\n%s", c.name, r.Verdict, text(t, r))
		}
		if r := openAndCompare(t, a, raw); r.Verdict != report.Reproducible || len(r.Findings) != 0 {
			t.Errorf("%s: the conversion and its raw disk are %s\n%s", c.name, r.Verdict, text(t, r))
		}
		sh(t, "sleep", "1.1")
		judge.Must(t, "qemu-img", append(append([]string{"convert", "-f", "raw"}, c.args...), raw, b)...)
		r := openAndCompare(t, a, b)
		if want := report.Unreproducible; len(c.fields) > 0 && r.Verdict != want || len(c.fields) == 0 && r.Verdict == want {
			t.Errorf("%s: two conversions are %s\n%s", c.name, r.Verdict, text(t, r))
		}
		for _, f := range r.Findings {
			known := false
			for _, field := range c.fields {
				known = known || strings.HasSuffix(f.Field, field)
			}
			if !f.Derived && !known || f.Bytes != 0 || f.Partition != 0 {
				t.Errorf("%s: two conversions differ in %s, %d bytes", c.name, f.ID, f.Bytes)
			}
		}
		must(t, os.Remove(a))
		must(t, os.Remove(b))
	}
}
