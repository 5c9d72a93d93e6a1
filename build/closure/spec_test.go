package closure

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/build/spec"
	"github.com/reprodisk/reprodisk/internal/judge/nixstore"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// staged is what a spec makes of an empty root.
func staged(t *testing.T, dir, text string) (*tree.Node, error) {
	t.Helper()
	s, err := spec.Parse(filepath.Join(dir, "s.yaml"), []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return Stage(context.Background(), s, emptyRoot(), 1)
}

// paths is what a tree has where, with types, modes and links.
func paths(root *tree.Node) map[string]string {
	out := map[string]string{}
	_ = root.Walk(func(p string, n *tree.Node) error {
		out[p] = fmt.Sprintf("%o %d %s", n.Mode, n.Size, n.Target)
		return nil
	})
	return out
}

func checkSpec(t *testing.T, s nixstore.Store) {
	dir := t.TempDir()
	registration := s.Registration(t, s.Toplevel, s.Channel, s.Data)
	for name, content := range map[string]string{"registration": registration, "c.nix": "{ }\n", "nixpkgs/.version": "23.11\n", "nixpkgs/lib/x.nix": "1"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(s.Toplevel, filepath.Join(dir, "result")); err != nil {
		t.Fatal(err)
	}
	root := "installBootLoader: false\nstoreRoot: " + s.Root + "\n"
	must := func(text string) map[string]string {
		t.Helper()
		n, err := staged(t, dir, root+text)
		if err != nil {
			t.Fatal(err)
		}
		return paths(n)
	}
	// The registration and the database say the same; so do a path and a link.
	all := must("system: ./result\nchannel: " + s.Channel + "\nconfigFile: c.nix\nadditionalPaths: [" + s.Data + "]")
	if same := must("system: " + s.Toplevel + "\nregistration: registration\nchannel: " + s.Channel + "\nconfigFile: c.nix"); !reflect.DeepEqual(same, all) {
		t.Error("a registration tells another tree than the store")
	}
	for p, want := range map[string]string{
		s.Toplevel + "/nixos-version":                         "100444 9 ",
		"/nix/var/nix/profiles/system-1-link":                 "120777 0 " + s.Toplevel,
		"/nix/var/nix/profiles/per-user/root/channels-1-link": "120777 0 " + s.Channel,
		"/root/.nix-defexpr":                                  "40700 0 ",
		"/root/.nix-defexpr/channels":                         "120777 0 /nix/var/nix/profiles/per-user/root/channels",
		"/etc/NIXOS":                                          "100644 0 ",
		"/etc/nixos/configuration.nix":                        "100644 4 ",
	} {
		if all[p] != want {
			t.Errorf("%s: %q, want %q", p, all[p], want)
		}
	}
	// A source tree becomes a channel, named after the system's version.
	tree := must("system: ./result\nchannel: nixpkgs")
	channel := strings.TrimPrefix(tree["/nix/var/nix/profiles/per-user/root/channels-1-link"], "120777 0 ")
	if !strings.HasSuffix(channel, "-nixos-23.11demo") || tree[channel+"/nixos/.version-suffix"] != "100444 4 " ||
		tree[channel+"/nixos/nixpkgs"] != "120777 0 ." || tree[channel+"/nixos/lib/x.nix"] != "100444 1 " {
		t.Errorf("%s: %v", channel, tree)
	}
	if none := must("system: ./result"); none["/root"] != "" || none["/nix/var/nix/profiles/per-user/root/channels"] != "" {
		t.Error("a channel came from nowhere")
	}
	// Paths alone are no system.
	if some := must("additionalPaths: [" + s.Data + "]"); some["/etc"] != "" || some[s.Data] == "" || some["/nix/var/nix/db/db.sqlite"] == "" {
		t.Error("additionalPaths alone")
	}
	// The store alone stands at the root.
	only := must("onlyNixStore: true\nsystem: ./result")
	if only["/"+filepath.Base(s.Toplevel)+"/nixos-version"] == "" || only["/nix"] != "" || only["/.links"] != "" || only["/etc"] != "" {
		t.Errorf("%v", only)
	}
	if only := must("onlyNixStore: true\nadditionalPaths: [" + s.Data + "]"); only["/"+filepath.Base(s.Data)] != "40555 0 " || only["/"+filepath.Base(s.Toplevel)] != "" {
		t.Errorf("%v", only)
	}
}

func TestSpecWithoutNix(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/c.nix", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	n, err := staged(t, dir, "{}")
	if err != nil || len(n.Children) != 0 {
		t.Error(err, paths(n))
	}
	n, err = staged(t, dir, "configFile: c.nix")
	if err != nil || len(paths(n)) != 4 {
		t.Error(err, paths(n))
	}
}

func TestSpecIsRefused(t *testing.T) {
	from, _ := handmade(t)
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/r", []byte(entry(pathA, "")), 0o644); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"onlyNixStore: true":                   "1:1: onlyNixStore: which store paths? Name them in system or additionalPaths",
		"copyChannel: true":                    "1:1: copyChannel: which channel? Name it in channel: a nixpkgs tree, or a store path of one",
		"system: none":                         "1:1: system: " + dir + "/none: no such file or directory",
		"system: /etc":                         "1:1: system: /etc: does not lie in the Nix store",
		"additionalPaths: [/nix/store/x]":      `1:1: additionalPaths: "/nix/store/x" is no store path: /nix/store/HASH-NAME is one`,
		"channel: none":                        "1:1: channel: " + dir + "/none: no such file or directory",
		"channel: r":                           "1:1: channel: " + dir + "/r: a channel is a folder",
		"configFile: none":                     "1:1: configFile: " + dir + "/none: no such file or directory",
		"registration: none\nsystem: " + pathA: "2:1: system: registration " + dir + "/none: no such file or directory",
		"registration: r\nsystem: " + pathB:    "2:1: system: " + pathB + ": is not registered in " + dir + "/r",
		"registration: r\nadditionalPaths: [" + pathA + "]\nconfigFile: none\nstoreRoot: " + from: "3:1: configFile: " + dir + "/none: no such file or directory",
		"storeRoot: none\nregistration: r\nsystem: " + pathA:                                      "3:1: system: " + dir + "/none" + pathA + ": no such file or directory",
	} {
		_, err := staged(t, dir, text)
		if want := dir + "/s.yaml:" + want; err == nil || err.Error() != want {
			t.Errorf("%s:\n%v\nwant %s", text, err, want)
		}
	}
}
