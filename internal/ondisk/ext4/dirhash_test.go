package ext4

import (
	"bufio"
	"fmt"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
)

func TestDirHashEqualsDebugfs(t *testing.T) {
	names := []string{
		"a", "ab", "abc", "abcd", "passwd", "lost+found", "libcrypto.so.3", "sixteen-letters!",
		"seventeen-letters", "exactly-thirty-two-letters-long!", "thirty-three-letters-long-is-this",
		strings.Repeat("x", 255), "naïve", "日本語", "\xff\xfe\x80",
	}
	seed := "28732ac1-1ff8-d211-ba4b-00a0c93ec93b"
	words := [4]uint32{0xc12a7328, 0x11d2f81f, 0xa0004bba, 0x3bc93ec9}
	versions := map[string]HashVersion{
		"legacy": HashLegacy, "half_md4": HashHalfMD4, "tea": HashTEA,
		"3": HashLegacyUnsigned, "4": HashHalfMD4Unsigned, "5": HashTEAUnsigned,
	}
	var script strings.Builder
	type ask struct {
		v    HashVersion
		name string
		seed [4]uint32
	}
	var asks []ask
	for _, text := range []string{"legacy", "half_md4", "tea", "3", "4", "5"} {
		for _, n := range names {
			fmt.Fprintf(&script, "dx_hash -h %s %s\n", text, n)
			asks = append(asks, ask{versions[text], n, [4]uint32{}})
			fmt.Fprintf(&script, "dx_hash -h %s -s %s %s\n", text, seed, n)
			asks = append(asks, ask{versions[text], n, words})
		}
	}
	out := judge.RunInput(t, script.String(), "debugfs", "-f", "-")
	var said []string
	for sc := bufio.NewScanner(strings.NewReader(out.Stdout)); sc.Scan(); {
		if _, s, ok := strings.Cut(sc.Text(), " is 0x"); ok {
			said = append(said, s)
		}
	}
	if len(said) != len(asks) {
		t.Fatalf("debugfs answered %d of %d\n%s%s", len(said), len(asks), out.Stdout, out.Stderr)
	}
	for i, a := range asks {
		h, minor, ok := DirHash(a.v, []byte(a.name), a.seed)
		if got := fmt.Sprintf("%08x (minor 0x%08x)", h, minor); !ok || !sameHash(got, said[i]) {
			t.Errorf("%v %q: %s, debugfs says %s", a.v, a.name, got, said[i])
		}
	}
}

// sameHash compares without leading zeros, which debugfs does not print.
func sameHash(a, b string) bool {
	var h1, m1, h2, m2 uint32
	n1, err1 := fmt.Sscanf(a, "%x (minor 0x%x)", &h1, &m1)
	n2, err2 := fmt.Sscanf(b, "%x (minor 0x%x)", &h2, &m2)
	return err1 == nil && err2 == nil && n1 == 2 && n2 == 2 && h1 == h2 && m1 == m2
}
