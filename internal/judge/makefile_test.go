package judge

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
)

// essential are packages of Debian's that are on every machine.
var essential = []string{"bsdutils", "coreutils"}

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

// TestRaceDetectorSeesGoroutines keeps the Makefile's RACE equal to the
// packages that have tests and share memory between goroutines.
func TestRaceDetectorSeesGoroutines(t *testing.T) {
	concurrent, tested := map[string]bool{}, map[string]bool{}
	root := os.DirFS("../..")
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || len(name) > 1 && strings.HasPrefix(d.Name(), ".")):
			return fs.SkipDir
		case strings.HasSuffix(name, "_test.go"):
			tested["./"+path.Dir(name)] = true
			return nil
		case !strings.HasSuffix(name, ".go"):
			return nil
		}
		source, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, source, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				concurrent["./"+path.Dir(name)] = true
			case *ast.ImportSpec:
				switch n.Path.Value {
				case `"sync"`, `"sync/atomic"`, `"golang.org/x/sync/errgroup"`:
					concurrent["./"+path.Dir(name)] = true
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	maps.DeleteFunc(concurrent, func(dir string, _ bool) bool { return !tested[dir] })
	if have, want := makefileList(t, "RACE"), slices.Sorted(maps.Keys(concurrent)); !slices.Equal(have, want) {
		t.Errorf("the Makefile's RACE is\n%s\nwhere goroutines are in\n%s", strings.Join(have, " "), strings.Join(want, " "))
	}
}
