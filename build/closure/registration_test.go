package closure

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// name is a store path for tests.
func name(n int, rest string) string {
	h := sha256.Sum256([]byte{byte(n)})
	return StoreDir + "/" + base32(h[:20]) + "-" + rest
}

var (
	pathA = name(1, "a-1.0")
	pathB = name(2, "b")
	drvB  = name(3, "b.drv")
)

// entry is a path's lines in a registration.
func entry(path, deriver string, refs ...string) string {
	h := sha256.Sum256([]byte(path))
	return fmt.Sprintf("%s\n%x\n120\n%s\n%d\n%s", path, h, deriver, len(refs), strings.Join(append(refs, ""), "\n"))
}

func TestRegistration(t *testing.T) {
	paths, err := ParseRegistration(strings.NewReader(entry(pathA, "") + entry(pathB, drvB, pathB, pathA)))
	if err != nil || len(paths) != 2 {
		t.Fatal(paths, err)
	}
	b := paths[1]
	if b.Path != pathB || b.Deriver != drvB || b.NarSize != 120 || b.NarHash != sha256.Sum256([]byte(pathB)) ||
		len(b.References) != 2 || b.References[0] != pathB || b.References[1] != pathA {
		t.Errorf("%+v", b)
	}
	if paths, err := ParseRegistration(strings.NewReader("")); err != nil || len(paths) != 0 {
		t.Error(paths, err)
	}
	// Without the last line's end.
	if _, err := ParseRegistration(strings.NewReader(strings.TrimSuffix(entry(pathA, ""), "\n"))); err != nil {
		t.Error(err)
	}
}

func TestMalformedRegistrations(t *testing.T) {
	good := strings.Split(entry(pathB, drvB, pathA), "\n")
	line := func(n int, text string) string {
		l := append([]string{}, good...)
		l[n-1] = text
		return strings.Join(l, "\n")
	}
	for _, c := range []struct{ text, want string }{
		{"\n", `line 1: "" does not lie in /nix/store`},
		{line(1, "/nix/store/x"), `line 1: "/nix/store/x" is no store path: /nix/store/HASH-NAME is one`},
		{line(1, pathA+"/bin"), `line 1: the name "a-1.0/bin" of a store path holds '/'`},
		{line(1, pathA[:len(pathA)-5]), "line 1: "},
		{line(2, "abc"), `line 2: "abc" is no SHA-256`},
		{line(2, "sha1:"+strings.Repeat("0", 40)), "line 2: "},
		{line(3, "-1"), `line 3: "-1" is no size in bytes`},
		{line(3, "many"), `line 3: "many" is no size in bytes`},
		{line(4, "unknown"), `line 4: "unknown" does not lie in /nix/store`},
		{line(5, "2"), `line 7: ends where a reference of ` + pathB + ` should stand`},
		{line(5, "99999999999"), `line 5: "99999999999" is no number of references`},
		{line(6, "nothing"), `line 6: "nothing" does not lie in /nix/store`},
		{strings.Join(good[:2], "\n"), "line 3: ends where the size of " + pathB + " should stand"},
		{entry(pathA, "") + entry(pathA, ""), "line 6: " + pathA + " is registered a second time"},
		{strings.Repeat("x", 5000), "line 1: is longer than 4096 bytes"},
	} {
		_, err := ParseRegistration(strings.NewReader(c.text))
		if err == nil || !strings.HasPrefix(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v\nwant %s", err, c.want)
		}
	}
}

func TestClosureIsRefused(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{entry(pathA, ""), pathB + ": is not registered in "},
		{entry(pathB, "", pathA), pathB + ": refers to " + pathA + ", which is not registered in "},
		{entry(pathB, "", pathA) + entry(pathA, "", pathB), ": is part of, or refers to, a circle of references"},
		{"x", `registration FILE: line 1: "x" does not lie in`},
	} {
		file := filepath.Join(t.TempDir(), "registration")
		if err := os.WriteFile(file, []byte(c.text), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := Read(context.Background(), []string{pathB}, Registration{file})
		if want := strings.ReplaceAll(c.want, "FILE", file); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nwant %s", err, want)
		}
	}
	none := t.TempDir()
	want := none + "/nix/var/nix/db/db.sqlite: no such file: where the Nix store lies elsewhere, name its root in storeRoot, and a file about it in registration"
	if _, err := Read(context.Background(), []string{pathA}, Database{none}); err == nil || err.Error() != want {
		t.Error(err)
	}
	if _, err := Read(context.Background(), []string{"/etc"}, Registration{"none"}); err == nil || err.Error() != `"/etc" does not lie in /nix/store` {
		t.Error(err)
	}
	if _, err := Read(context.Background(), nil, Registration{"none"}); err == nil || err.Error() != "registration none: no such file or directory" {
		t.Error(err)
	}
}

func TestHashes(t *testing.T) {
	// SHA-256 of nothing, as Nix writes it.
	want := sha256.Sum256(nil)
	for _, s := range []string{
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73",
		"sha256:0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73",
		"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
		"sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
	} {
		if got, err := parseHash(s); err != nil || got != want {
			t.Errorf("%s: %x, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "sha256:", "md5:0", "1mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73u", "z" + strings.Repeat("0", 51), strings.Repeat("e", 52), "sha256-e3b0"} {
		if got, err := parseHash(s); err == nil {
			t.Errorf("%q: %x", s, got)
		}
	}
	if got := base32(want[:]); got != "0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73" {
		t.Error(got)
	}
}

func FuzzRegistration(f *testing.F) {
	f.Add(entry(pathA, "") + entry(pathB, drvB, pathB, pathA))
	f.Add(entry(pathA, drvB, pathA))
	f.Add("\n\n\n\n0\n")
	f.Fuzz(func(t *testing.T, text string) {
		paths, err := ParseRegistration(strings.NewReader(text))
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("an error of several lines: %q", err)
			}
			return
		}
		// What was read, written again, is read the same.
		var b strings.Builder
		for _, p := range paths {
			fmt.Fprintf(&b, "%s\n%s\n%d\n%s\n%d\n", p.Path, hex.EncodeToString(p.NarHash[:]), p.NarSize, p.Deriver, len(p.References))
			for _, r := range p.References {
				fmt.Fprintln(&b, r)
			}
		}
		again, err := ParseRegistration(strings.NewReader(b.String()))
		if err != nil || fmt.Sprint(again) != fmt.Sprint(paths) {
			t.Errorf("%v: %v, want %v", err, again, paths)
		}
	})
}

func FuzzOutputs(f *testing.F) {
	f.Add(`Derive([("out","` + pathA + `","","")],[],[],"x86_64-linux","/bin/sh",[],[])`)
	f.Add(`Derive([("dev","` + pathA + `","",""),("out","","r:sha256","")],[]`)
	f.Add(`Derive([`)
	f.Fuzz(func(t *testing.T, text string) {
		out, err := parseOutputs(text)
		for _, o := range out {
			if err != nil || checkPath(o.Path) != nil {
				t.Errorf("%v, %v", out, err)
			}
		}
	})
}
