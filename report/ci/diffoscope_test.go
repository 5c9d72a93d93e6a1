package ci

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
)

// TestDiffoscopeOpensItsJSON has diffoscope render what it is said to read, as
// text, HTML and Markdown, every sample and hostile names among them.
func TestDiffoscopeOpensItsJSON(t *testing.T) {
	dir := t.TempDir()
	all := samples(t)
	for _, name := range []string{"one", "moved", "bare", "allowed"} { // each takes diffoscope half a second
		delete(all, name)
	}
	for i, s := range []string{nasty[0], nasty[2], nasty[6]} {
		all["nasty"+string(rune('0'+i))] = poisoned(s, false)
	}
	for name, r := range all {
		file := filepath.Join(dir, name+".json")
		if err := os.WriteFile(file, []byte(render(t, "diffoscope.json", r, nil)), 0o666); err != nil {
			t.Fatal(err)
		}
		out := judge.Run(t, "diffoscope", "--load-existing-diff", file, "--text", "-", "--html", file+".html")
		if out.Status != 1 || out.Stderr != "" {
			t.Errorf("%s: exit status %d\n%s", name, out.Status, out.Stderr)
		}
		html, err := os.ReadFile(file + ".html")
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(html), "<script>alert") {
			t.Errorf("%s: a name is markup", name)
		}
		if name != "many" {
			continue
		}
		for _, want := range []string{
			"├── partition 2 · ext4 · root (LBA 133120–4192255)",
			"│ │ -0f3c9a61-5a4e-4c0e-9d55-0d4b3f6e8a10",
			"│ │ +91ab77e2-0c3d-4a55-b1f8-6c2f0e9d7b44",
			"│ │┄ remedy: mke2fs -E hash_seed=UUID",
			"├── /etc/machine-id: data content",
			"│ │ +e0b1c2d3a4f5968778695a4b3c2d1e0f",
		} {
			if !strings.Contains(out.Stdout, want) {
				t.Errorf("diffoscope does not show %q:\n%s", want, out.Stdout)
			}
		}
	}
}
