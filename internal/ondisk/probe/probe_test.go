package probe

import (
	"os"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
)

// identify is what this package says about a file.
func identify(t testing.TB, path string) Info {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	info, err := Identify(f, fi.Size())
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// blkid is what blkid says about a file: status 2 is nothing, 8 is more than one.
func blkid(t testing.TB, path string) Info {
	t.Helper()
	r := judge.Run(t, "blkid", "-p", "-o", "export", path)
	if r.Status != 0 && r.Status != 2 && r.Status != 8 {
		t.Fatalf("blkid %s: exit status %d: %s", path, r.Status, r.Stderr)
	}
	return parseExport(r.Stdout)
}

// parseExport reads blkid's "export" format, in which a backslash stands
// before every character that a shell would not take as it is.
func parseExport(out string) Info {
	var info Info
	for line := range strings.Lines(out) {
		key, raw, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		var value strings.Builder
		for i := 0; i < len(raw); i++ {
			if raw[i] == '\\' && i+1 < len(raw) {
				i++
			}
			value.WriteByte(raw[i])
		}
		switch v := value.String(); key {
		case "TYPE":
			info.Type = v
		case "LABEL":
			info.Label = v
		case "UUID":
			info.UUID = v
		case "VERSION":
			info.Version = v
		}
	}
	return info
}
