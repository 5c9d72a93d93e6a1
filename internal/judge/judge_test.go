package judge

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// essential are packages of Debian's that are on every machine.
var essential = []string{"coreutils"}

// makefileList is the value of a variable of the project's Makefile.
func makefileList(t *testing.T, name string) []string {
	t.Helper()
	b, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if value, ok := strings.CutPrefix(line, name+" = "); ok {
			return strings.Fields(value)
		}
	}
	t.Fatalf("the Makefile does not set %s", name)
	return nil
}

// TestMakefileInstallsTheJudges keeps the Makefile's list and Packages equal:
// what the one lacks, a test in CI would miss, and what the other lacks is
// installed for nothing.
func TestMakefileInstallsTheJudges(t *testing.T) {
	installed := makefileList(t, "JUDGES")
	if !slices.IsSorted(installed) {
		t.Errorf("JUDGES is not sorted: %s", strings.Join(installed, " "))
	}
	if unique := slices.Compact(slices.Sorted(slices.Values(installed))); len(unique) != len(installed) {
		t.Errorf("JUDGES names a package twice: %s", strings.Join(installed, " "))
	}
	for _, tool := range slices.Sorted(maps.Keys(Packages)) {
		if pkg := Packages[tool]; !slices.Contains(installed, pkg) && !slices.Contains(essential, pkg) {
			t.Errorf("%s is in package %s, which the Makefile's JUDGES lacks", tool, pkg)
		}
	}
	needed := slices.Collect(maps.Values(Packages))
	for _, pkg := range installed {
		if !slices.Contains(needed, pkg) {
			t.Errorf("the Makefile's JUDGES has %s, of which Packages has no tool", pkg)
		}
	}
}
