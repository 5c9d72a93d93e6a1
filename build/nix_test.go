package build

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/build/spec"
	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/judge/nixstore"
)

// What a closure comes to, in each layout: tools and the real Nix find nothing
// wrong with the mounted image, and a second build from a registration in place
// of the store's database has the same bytes.
func TestNixClosure(t *testing.T) {
	s := nixstore.Make(t, nixstore.Config{})
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "registration"), []byte(s.Registration(t, s.Toplevel, s.Channel)), 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "c.nix"), []byte("{ }\n"), 0o644))
	tables := []string{"none", "legacy", "legacy+gpt", "efi", "hybrid", "efixbootldr"}
	if testing.Short() {
		tables = tables[1:2]
	}
	for _, table := range tables {
		t.Run(table, func(t *testing.T) {
			text := fmt.Sprintf("system: %s\nchannel: %s\nstoreRoot: %s\nconfigFile: c.nix\npartitionTableType: %s\nbootLoader: none\nadditionalSpace: 32M\n",
				s.Toplevel, s.Channel, s.Root, table)
			var results []Result
			for _, more := range []string{"", "registration: registration\n"} {
				sp, err := spec.Parse(filepath.Join(dir, "s.yaml"), []byte(text+more))
				must(t, err)
				r, err := Build(context.Background(), sp, Options{OutDir: t.TempDir()})
				must(t, err)
				results = append(results, r)
			}
			judge.Must(t, "cmp", results[0].Image, results[1].Image)
			folder, umount := mountRoot(t, results[0].Image, results[0].Layout.Root())
			in := nixstore.Store{Root: filepath.Join(t.TempDir(), "root")}
			judge.Must(t, "rsync", "-aH", folder+"/", in.Root+"/")
			umount()
			_, said, err := in.Try(t, "", "nix-store", "--verify", "--check-contents")
			if err != nil || strings.Contains(said, "modified") || strings.Contains(said, "missing") {
				t.Error(said, err)
			}
			if got := len(strings.Fields(in.Run(t, "", "nix-store", "--query", "--requisites", s.Toplevel))); got != 6 {
				t.Errorf("the system has %d paths", got)
			}
		})
	}
}

// The store alone is what stands at the root.
func TestOnlyNixStore(t *testing.T) {
	s := nixstore.Make(t, nixstore.Config{})
	sp, err := spec.Parse("s.yaml", []byte("onlyNixStore: true\nsystem: "+s.Toplevel+"\nstoreRoot: "+s.Root+"\nbootLoader: none\npartitionTableType: none\nadditionalSpace: 32M"))
	must(t, err)
	r, err := Build(context.Background(), sp, Options{OutDir: t.TempDir()})
	must(t, err)
	folder, _ := mountRoot(t, r.Image, r.Layout.Root())
	names, err := os.ReadDir(folder)
	must(t, err)
	paths := 0
	for _, n := range names {
		if n.Name() == "lost+found" {
			continue
		}
		paths++
		judge.Must(t, "diff", "-r", "--no-dereference", filepath.Join(folder, n.Name()), filepath.Join(s.Root, "nix/store", n.Name()))
	}
	if paths != 6 {
		t.Errorf("%d store paths", paths)
	}
	if label := judge.Must(t, "blkid", "-p", "-o", "value", "-s", "LABEL", r.Image); label != "nix-store\n" {
		t.Error(label)
	}
}
