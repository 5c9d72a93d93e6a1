package build

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// What would let the machine, the moment or the user into an image. The
// processor count is left out: a test varies it.
var (
	impureImports = []string{"math/rand", "math/rand/v2", "crypto/rand", "os/user", "net", "hash/maphash"}
	impureNames   = map[string][]string{
		"time": {"Now", "Since", "Until", "Local", "After", "Tick", "NewTimer", "NewTicker", "LoadLocation"},
		"os": {
			"Hostname", "Getenv", "LookupEnv", "Environ", "ExpandEnv", "Getuid", "Geteuid", "Getgid", "Getegid", "Getgroups", "Getpid", "Getppid",
			"Getwd", "UserHomeDir", "UserCacheDir", "UserConfigDir", "TempDir", "Executable", "Args", "ReadDir", "Getpagesize",
		},
		"unix":    {"Uname", "Getrandom", "ClockGettime", "Gettimeofday", "Time", "Sysinfo", "Getuid", "Geteuid", "Getgid", "Getpid", "Getcwd"},
		"runtime": {"Version", "NumCPU", "NumGoroutine", "GOOS", "GOARCH"},
	}
)

// exceptions are the files that ask nevertheless, and for what: for images that
// are not deterministic, and for postVM's shell code, which is anybody's. Each
// of them has to be needed.
var exceptions = map[string][]string{
	"fresh.go":  {"crypto/rand", "time.Now"},
	"postvm.go": {"os.Environ", "os.ReadDir"},
}

// TestNothingAsksTheMachine reads the sources of all that decides an image's
// bytes: none of it asks for the time, a random number, the host or the user.
func TestNothingAsksTheMachine(t *testing.T) {
	files, left := 0, maps.Clone(exceptions)
	for _, root := range []string{".", "../internal/mkfs", "../internal/tree", "../internal/ondisk"} {
		must(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() && (d.Name() == "testdata" || strings.HasSuffix(d.Name(), "test")) {
				return fs.SkipDir // what tests alone import
			}
			if d.IsDir() && path == "guest" {
				return fs.SkipDir // a machine is never the same twice: what it leaves is written anew
			}
			if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return nil
			}
			files++
			uses := impure(t, path)
			for _, use := range uses {
				if !slices.Contains(exceptions[path], use) {
					t.Errorf("%s uses %s", path, use)
				}
			}
			for _, use := range exceptions[path] {
				if !slices.Contains(uses, use) {
					t.Errorf("%s may use %s, but does not", path, use)
				}
			}
			delete(left, path)
			return nil
		}))
	}
	if len(left) > 0 {
		t.Errorf("files that are not there may ask the machine: %v", left)
	}
	if files < 50 {
		t.Errorf("only %d files were looked at", files)
	}
}

// impure lists what a file uses that it must not.
func impure(t *testing.T, path string) (uses []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	must(t, err)
	names := map[string]string{} // what a package is called here, and what it is
	for _, i := range file.Imports {
		from, err := strconv.Unquote(i.Path.Value)
		must(t, err)
		if slices.Contains(impureImports, from) {
			uses = append(uses, from)
		}
		name := from[strings.LastIndex(from, "/")+1:]
		if i.Name != nil {
			names[i.Name.Name] = name
		} else {
			names[name] = name
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		s, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := s.X.(*ast.Ident); ok && slices.Contains(impureNames[names[x.Name]], s.Sel.Name) {
			uses = append(uses, names[x.Name]+"."+s.Sel.Name)
		}
		return true
	})
	return uses
}
