package closure

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/build/stage"
	"github.com/reprodisk/reprodisk/internal/judge/nixstore"
)

// large is a store of some hundred paths with forty files each, registered.
func large(b *testing.B, n int) (s nixstore.Store, c *Closure) {
	b.Helper()
	s.Root = b.TempDir()
	var registration strings.Builder
	var all []Path
	for i := range n {
		p := StoreDir + "/" + base32([]byte(fmt.Sprintf("%020d", i))) + "-package"
		for j := range 40 {
			file := filepath.Join(s.Root, p, fmt.Sprint(j%4), fmt.Sprint(j))
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				b.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(strings.Repeat(p, 50*(1+j%7))), 0o444); err != nil {
				b.Fatal(err)
			}
		}
		nodes, err := stage.Read(context.Background(), []string{s.Root + p}, stage.Options{Epoch: 1})
		if err != nil {
			b.Fatal(err)
		}
		path := Path{Path: p}
		if path.NarHash, path.NarSize, err = HashNAR(context.Background(), nodes[0]); err != nil {
			b.Fatal(err)
		}
		for _, r := range []int{i - 1, i - 10, i - 100} {
			if r >= 0 {
				path.References = append(path.References, all[r].Path)
			}
		}
		all = append(all, path)
		fmt.Fprintf(&registration, "%s\n%x\n%d\n\n%d\n%s", p, path.NarHash, path.NarSize, len(path.References), strings.Join(append(path.References, ""), "\n"))
	}
	s.Toplevel = all[n-1].Path
	s.Run(b, registration.String(), "nix-store", "--load-db")
	c, err := Read(context.Background(), []string{s.Toplevel}, listed(all))
	if err != nil || len(c.Paths) != n {
		b.Fatal(len(c.Paths), err)
	}
	return s, c
}

// BenchmarkInstall is a closure of 500 paths and 20,000 files onto a tree,
// beside Nix's copying it into a root.
func BenchmarkInstall(b *testing.B) {
	s, c := large(b, 500)
	for _, verify := range []bool{false, true} {
		b.Run(fmt.Sprintf("verify=%v", verify), func(b *testing.B) {
			for b.Loop() {
				if err := c.Install(context.Background(), emptyRoot(), System{Toplevel: s.Toplevel}, Options{Epoch: 1, StoreRoot: s.Root, Verify: verify}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("database", func(b *testing.B) {
		for b.Loop() {
			if _, err := Read(context.Background(), []string{s.Toplevel}, Database{s.Root}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("nix-env", func(b *testing.B) {
		for b.Loop() {
			to := nixstore.Store{Root: b.TempDir()}
			to.Run(b, "", "nix-env", "--substituters", "", "--extra-substituters", "local?root="+s.Root+"&trusted=1",
				"--profile", filepath.Join(to.Root, "nix/var/nix/profiles/system"), "--set", s.Toplevel)
		}
	})
}
