package spec

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func parse(t *testing.T, text string) *Spec {
	t.Helper()
	s, err := Parse("dir/spec.yaml", []byte(text))
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return s
}

func TestDefaultsAreTheSeeds(t *testing.T) {
	s := parse(t, "{}")
	if !s.DiskSize.Auto || s.AdditionalSpace != 512<<20 || s.BootSize != "256M" || s.PartitionTableType != "legacy" ||
		s.FSType != "ext4" || s.Label != "nixos" || s.MemSize != 1024 || s.Name != "nixos-disk-image" || s.Format != "raw" ||
		!s.Deterministic || s.RootGPUID.String() != DefaultRootGPUID || s.RootFSUID.String() != DefaultRootGPUID ||
		s.EspFat != "32" || s.OnlyNixStore || s.TouchEFIVars {
		t.Errorf("%+v", s)
	}
	if s.InstallBootLoader || s.CopyChannel {
		t.Error("without a system there is no boot loader and no channel")
	}
	if s := parse(t, "system: /nix/store/x\nchannel: /nixpkgs"); !s.InstallBootLoader || !s.CopyChannel {
		t.Error("with a system and a channel both are the default")
	}
	if s := parse(t, "{onlyNixStore: true, system: /s, installBootLoader: false}"); s.Label != "nix-store" {
		t.Error(s.Label)
	}
	if s := parse(t, "rootGPUID: 11111111-2222-3333-4444-555555555555"); *s.RootFSUID != s.RootGPUID {
		t.Error("rootFSUID follows rootGPUID")
	}
}

func TestScalarsMeanWhatStandsThere(t *testing.T) {
	s := parse(t, "label: 1.10\nname: 012\ncontents:\n- {source: a b, target: /x, mode: 0755, user: 1000, group: 0100}\n- source: 'it''s'\n  target: \"\\u00e4\"\n")
	if s.Label != "1.10" || s.Name != "012" {
		t.Error(s.Label, s.Name)
	}
	want := []Content{
		{Source: "a b", Dir: "dir", Target: "/x", Mode: "0755", User: "1000", Group: "0100", Pos: Pos{File: "dir/spec.yaml", Line: 4, Col: 4}},
		{Source: "it's", Dir: "dir", Target: "ä", Pos: Pos{File: "dir/spec.yaml", Line: 5, Col: 3}},
	}
	if d := cmp.Diff(want, s.Contents); d != "" {
		t.Error(d)
	}
	j, err := Parse("x.json", []byte(`{"label": "1.10", "contents": [{"source":"a","target":"\ud83d\ude00","mode":755,"user":null,"group":null}]}`))
	if err != nil || j.Contents[0].Mode != "755" || j.Contents[0].Target != "😀" {
		t.Error(err, j)
	}
}

func TestDiskSize(t *testing.T) {
	for text, want := range map[string]string{
		"auto": "auto", "2048": "2147483648", "'2048'": "2147483648", "2G": "2147483648", "1.5GiB": "1610612736", "800Mi": "838860800", "1024K": "1048576",
	} {
		if s := parse(t, "diskSize: "+text); s.DiskSize.String() != want {
			t.Errorf("%s: %s, want %s", text, s.DiskSize, want)
		}
	}
}

func TestSizesReadAsNumfmtDoes(t *testing.T) {
	numfmt, err := exec.LookPath("numfmt")
	if err != nil {
		t.Skip("numfmt is missing: apt-get install coreutils")
	}
	for _, text := range []string{"512M", "1K", "1.5G", "0.3K", "0", "5", "007", ".5M", "8P", "1.23456789K", "1G", "3T", "1k", "+5", "1e3", "1.K", "", "M"} {
		out, err := exec.Command(numfmt, "--from=iec", "--", text).Output()
		if text == "" {
			err = os.ErrInvalid // numfmt reads nothing as 0
		}
		got, gotErr := ParseSize(text)
		if (err == nil) != (gotErr == nil) {
			t.Errorf("%q: numfmt says %v, we %v", text, err, gotErr)
			continue
		}
		if want := strings.TrimSpace(string(out)); err == nil && strconv.FormatInt(int64(got), 10) != want {
			t.Errorf("%q: %d, numfmt says %s", text, got, want)
		}
	}
}

// Every assertion of make-disk-image, and every other thing that can be wrong,
// with what is said about it.
func TestErrorsNameTheLineAndTheRemedy(t *testing.T) {
	deep := strings.Repeat("[", 5000)
	for _, c := range []struct{ spec, want string }{
		// the assertions, in make-disk-image's order
		{"name: a\npartitionTableType: lagacy", `s.yaml:2:21: partitionTableType: "lagacy" is not one of legacy, legacy+gpt, efi, hybrid, none, efixbootldr, did you mean "legacy"?`},
		{"rootFSUID: null", `s.yaml:1:1: rootFSUID: a deterministic ext4 filesystem needs one; leave it out and it equals rootGPUID`},
		{"fsType: xfs", `s.yaml:1:1: fsType: xfs needs partitionTableType: none; in a partition table the root filesystem is ext4`},
		{"touchEFIVars: true", `s.yaml:1:1: touchEFIVars: EFI variables need partitionTableType hybrid, efi, efixbootldr or legacy+gpt, not legacy`},
		{"onlyNixStore: true\ncontents: [{source: a, target: b}]", `s.yaml:2:1: contents: an image of only the Nix store (onlyNixStore) has no contents`},
		{"onlyNixStore: true\nconfigFile: c.nix", `s.yaml:2:1: configFile: an image of only the Nix store (onlyNixStore) has no configuration`},
		{"onlyNixStore: true\ninstallBootLoader: true", `s.yaml:2:1: installBootLoader: an image of only the Nix store has no boot loader; set installBootLoader: false`},
		{"onlyNixStore: true\nsystem: /nix/store/x", `s.yaml:1:1: onlyNixStore: an image of only the Nix store has no boot loader; set installBootLoader: false`},
		{"contents: [{source: a, target: b, user: root}]", `s.yaml:1:35: contents: user "root" without a group: set both or neither`},
		{"contents: [{source: a, target: b, group: root, user: null}]", `s.yaml:1:35: contents: group "root" without a user: set both or neither`},
		// the language
		{"", `s.yaml: is empty; the smallest spec is {}`},
		{"# nothing\n", `s.yaml: is empty; the smallest spec is {}`},
		{"---\n", `s.yaml: is empty; the smallest spec is {}`},
		{"- a", `s.yaml:1:1: a spec is a mapping of options, not a list`},
		{"name: a\n---\nname: b", `s.yaml:3:1: a second document: a spec is one document`},
		{"name: a\n---\n", `s.yaml:2:1: a second document: a spec is one document`},
		{"name: a\n\npartitionTabelType: efi", `s.yaml:3:1: unknown option "partitionTabelType", did you mean "partitionTableType"?`},
		{"xyzzy: 1", `s.yaml:1:1: unknown option "xyzzy"`},
		{"<<: {name: a}", `s.yaml:1:1: unknown option "<<"`},
		{"name: a\nname: b", `s.yaml:2:1: name is given twice, first in line 1`},
		{"contents:\n- source: a\n  target: b\n  source: c", `s.yaml:4:3: contents: source is given twice, first in line 2`},
		{"contents: [{source: a, target: b, sorce: c}]", `s.yaml:1:35: contents: unknown key "sorce", did you mean "source"?`},
		{"name: [", `s.yaml:1:7: sequence end token ']' not found`},
		{"name: " + deep, `s.yaml:1:39: nested deeper than 32 levels`},
		{strings.Repeat("- ", 5000), `s.yaml:1:65: nested deeper than 32 levels`},
		{strings.Repeat("k:\n", 60000), `s.yaml:257:2: more than 256 keys in one mapping`},
		{strings.Repeat("#", 1<<20+1), `s.yaml: longer than 1 MiB, which no spec is`},
		{"name: a\nlabel: \xff", `s.yaml:2: byte 0xff at offset 15 is not UTF-8 text`},
		{"name: *a", `s.yaml:1:7: no anchor &a stands before the alias *a`},
		{"name: !!str a", `s.yaml:1:7: the tag !!str: a spec has no tags; quote a value to make it text`},
		// types
		{"deterministic: yes", `s.yaml:1:16: deterministic: wants true or false, not text`},
		{"deterministic: 'true'", `s.yaml:1:16: deterministic: wants true or false, not text`},
		{"name: true", `s.yaml:1:7: name: wants text, not true or false; quote it to make it text`},
		{"name:", `s.yaml:1:7: name: wants text, not nothing`},
		{"name: {a: b}", `s.yaml:1:8: name: wants text, not a mapping`},
		{"name: ''", `s.yaml:1:7: name: is empty`},
		{"contents: a", `s.yaml:1:11: contents: wants a list of {source, target}, not text`},
		{"contents: [a]", `s.yaml:1:12: contents: an entry is {source, target}, not text`},
		{"contents:\n- source: a", `s.yaml:2:3: contents: an entry without target`},
		{"additionalPaths: a", `s.yaml:1:18: additionalPaths: wants a list, not text`},
		{"memSize: 012", `s.yaml:1:10: memSize: "012" is not a whole number`},
		{"memSize: 0", `s.yaml:1:10: memSize: 0 is not between 32 and 1073741824`},
		{"sourceDateEpoch: -1", `s.yaml:1:18: sourceDateEpoch: -1 is not between 0 and 15032385535`},
		{"diskSize: 012", `s.yaml:1:11: diskSize: "012" is not a disk size; write auto, a number of MiB, or a number with M, G or T`},
		{"diskSize: 0", `s.yaml:1:11: diskSize: a disk of size 0 holds nothing`},
		{"diskSize: 1000K", `s.yaml:1:11: diskSize: 1000K is 1024000 bytes, not a whole number of MiB`},
		{"diskSize: 99999999999999999999", `s.yaml:1:11: diskSize: the size 99999999999999999999M is larger than 1024P, the largest that can be built`},
		{"additionalSpace: 512MB", `s.yaml:1:18: additionalSpace: "512MB" is not a size; write bytes, or a number with K, M, G or T (powers of 1024)`},
		// what make-disk-image's tools took, or refused late
		{"rootGPUID: foo", `s.yaml:1:12: rootGPUID: "foo" is not a GUID; write 32 hexadecimal digits as 8-4-4-4-12`},
		{"rootGPUID: 97FD5997-D90B-4AA3-8D16-C1723AEA73C", `s.yaml:1:12: rootGPUID: "97FD5997-D90B-4AA3-8D16-C1723AEA73C" is not a GUID; write 32 hexadecimal digits as 8-4-4-4-12`},
		{"rootFSUID: random", `s.yaml:1:12: rootFSUID: "random" is not a GUID; write 32 hexadecimal digits as 8-4-4-4-12`},
		{"rootGPUID: 00000000-0000-0000-0000-000000000000", `s.yaml:1:12: rootGPUID: the GUID 00000000-0000-0000-0000-000000000000 is all zeros, which means none`},
		{"partitionTableType: efi\nrootGPUID: 1c06f03b-704e-4657-b9cd-681a087a2fdc", `s.yaml:2:1: rootGPUID: 1C06F03B-704E-4657-B9CD-681A087A2FDC is the GUID that make-disk-image gives the disk or another partition`},
		{"label: seventeen-letters", `s.yaml:1:1: label: "seventeen-letters" has 17 bytes; ext4 takes 16`},
		{"fsType: vfat\npartitionTableType: none\nrootFSUID: F222513B-DED1-49FA-B591-20CE86A2FE7F", `s.yaml:3:1: rootFSUID: a vfat filesystem has no UUID; leave it out`},
		{"fsType: squashfs\npartitionTableType: none\nlabel: some", `s.yaml:3:1: label: a squashfs filesystem has no label; leave it out`},
		{"fsType: vfat\npartitionTableType: none\ncontents: [{source: a, target: b, mode: \"644\"}]", `s.yaml:3:13: mode: a FAT filesystem has no owners and modes`},
		{"fsType: vfat\npartitionTableType: none\ncontents: [{source: a, target: b, user: \"0\", group: \"0\"}]", `s.yaml:3:13: user: a FAT filesystem has no owners and modes`},
		{"label: twelve-bytes\nfsType: vfat\npartitionTableType: none", `s.yaml:1:1: label: "twelve-bytes" has 12 bytes; vfat takes 11`},
		{"label: sixteen-bytes-it\nfsType: erofs\npartitionTableType: none", `s.yaml:1:1: label: "sixteen-bytes-it" has 16 bytes; erofs takes 15`},
		{"label: a/b\nfsType: btrfs\npartitionTableType: none", `s.yaml:1:1: label: "a/b": no slash, backslash or line break is possible with btrfs`},
		{"label: a b\nfsType: xfs\npartitionTableType: none", `s.yaml:1:1: label: "a b": only letters, digits and ._+- are possible with xfs`},
		{"bootSize: ''", `s.yaml:1:11: bootSize: is empty`},
		{"name: ../x", `s.yaml:1:1: name: "../x" is no name for Nix: letters, digits and +-._?= only, at most 211, no dot in front`},
		{"contents:\n- source: a\n  target: ../x", `s.yaml:3:3: contents: target "../x" leads out of the image's root`},
		{"contents:\n- {source: a, target: /etc/../../x}", `s.yaml:2:15: contents: target "/etc/../../x" leads out of the image's root`},
		{"contents:\n- {source: a, target: etc/../x}", `s.yaml:2:15: contents: target "etc/../x" holds ".."; write the path without it`},
		{"contents: [{source: a, target: \"a\\0b\"}]", `s.yaml:1:32: contents: target: text with a NUL byte in it`},
		{"contents: [{source: a, target: " + strings.Repeat("n", 256) + "}]", `s.yaml:1:24: contents: target "` + strings.Repeat("n", 60) + `…" has a name longer than 255 bytes`},
		// reprodisk's own
		{"espContents: [{source: a, target: b}]", `s.yaml:1:1: espContents: the layout legacy has no EFI System Partition`},
		{"espFat: 16", `s.yaml:1:1: espFat: the layout legacy has no EFI System Partition`},
		{"espFat: 31\npartitionTableType: efi", `s.yaml:1:9: espFat: "31" is not one of 32, auto, 12, 16, did you mean "32"?`},
		{"partitionTableType: efi\nbootContents: []", `s.yaml:2:1: bootContents: the layout efi has no XBOOTLDR partition; only efixbootldr has`},
		{"partitionTableType: efi\nespContents: [{source: a, target: b, mode: 755}]", `s.yaml:2:38: espContents: mode: a FAT filesystem has no owners and modes`},
	} {
		_, err := Parse("s.yaml", []byte(c.spec))
		if err == nil || err.Error() != c.want {
			t.Errorf("%.80q:\n got %v\nwant %s", c.spec, err, c.want)
		}
	}
}

func TestJSONErrorsNameTheLineToo(t *testing.T) {
	for _, c := range []struct{ spec, want string }{
		{"{\n \"nam\": 1}", `s.json:2:2: unknown option "nam", did you mean "name"?`},
		{"{\"name\": \"a\",\n  \"name\": \"b\"}", `s.json:2:3: name is given twice, first in line 1`},
		{"{\"contents\": [\n{\"source\": \"a\", \"source\": \"b\"}]}", `s.json:2:17: contents: source is given twice, first in line 2`},
		{"{\"name\": true}", `s.json:1:10: name: wants text, not true or false; quote it to make it text`},
		{"{} {}", `s.json:1:4: a second document: a spec is one document`},
		{"{\"name\": \"a\",\n}", `s.json:2:1: invalid character '}' looking for beginning of object key string`},
		{"{\"name\": ", `s.json:1:10: the text ends in the middle of a value`},
		{"name: a", `s.json:1:1: invalid character 'a' in literal null (expecting 'u')`},
		{"null", `s.json: is empty; the smallest spec is {}`},
		{"{\"name\":" + strings.Repeat("[", 5000), `s.json:1:41: nested deeper than 32 levels`},
	} {
		_, err := Parse("s.json", []byte(c.spec))
		if err == nil || err.Error() != c.want {
			t.Errorf("%.80q:\n got %v\nwant %s", c.spec, err, c.want)
		}
	}
}

func TestAliasesAreReadAndBounded(t *testing.T) {
	s := parse(t, "contents:\n- &a {source: a, target: b}\n- *a\n")
	if len(s.Contents) != 2 || s.Contents[1].Source != "a" {
		t.Errorf("%+v", s.Contents)
	}
	var bomb strings.Builder
	bomb.WriteString("a: &a [x, x, x, x, x, x, x, x, x]\n")
	for c := 'b'; c <= 'k'; c++ {
		p := string(c - 1)
		bomb.WriteString(string(c) + ": &" + string(c) + " [*" + strings.Join([]string{p, p, p, p, p, p, p, p, p}, ", *") + "]\n")
	}
	if _, err := Parse("s.yaml", []byte(bomb.String())); err == nil || !strings.Contains(err.Error(), "aliases make more than") {
		t.Error(err)
	}
	if _, err := Parse("s.yaml", []byte("name: &a [*a]")); err == nil {
		t.Error("an alias inside its own anchor was taken")
	}
}

func TestIdentityIsOfTheImageNotOfItsPlace(t *testing.T) {
	a, err := Parse("/one/s.yaml", []byte("name: x\nlabel: L\ncontents:\n- {source: /home/me/a, target: /b}\n"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := Parse("other.json", []byte(`{"contents":[{"target":"/b","source":"c"}],"label":"L","name":"x","diskSize":"auto"}`))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(a.Canonical()), string(b.Canonical())); d != "" {
		t.Error(d)
	}
	if a.DeriveID("p") != b.DeriveID("p") {
		t.Error("one image, two identifiers")
	}
	if a.DeriveID("p") == a.DeriveID("q") {
		t.Error("two purposes, one identifier")
	}
	if a.DeriveID("p") == parse(t, "name: y").DeriveID("p") {
		t.Error("two images, one identifier")
	}
	// A change of this value changes every image that was ever built.
	if got := GUID(parse(t, "{}").DeriveID("test")).String(); got != "9DA5517B-06B8-584D-AFBC-906182292361" {
		t.Error(got)
	}
}

func TestEpoch(t *testing.T) {
	s := parse(t, "{}")
	for env, want := range map[string]int64{"": 1, "1700000000": 1700000000, "0": 0} {
		if got, err := s.Epoch(env); err != nil || got != want {
			t.Error(env, got, err)
		}
	}
	if _, err := s.Epoch("yesterday"); err == nil {
		t.Error("yesterday is a time")
	}
	if got, _ := parse(t, "sourceDateEpoch: 5").Epoch("7"); got != 5 {
		t.Error(got)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	p := filepath.Join(dir, "s.yaml")
	if err := os.WriteFile(p, []byte("configFile: c.nix\ncontents: [{source: a, target: b}]"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Load(p)
	if err != nil || s.Contents[0].Dir != dir || s.Resolve(s.ConfigFile) != filepath.Join(dir, "c.nix") {
		t.Error(err, s)
	}
	if _, err := Load(p + "x"); err == nil || err.Error() != p+"x: no such file or directory" {
		t.Error(err)
	}
	if _, err := Load(dir); err == nil || err.Error() != dir+": is a folder; name the spec in it" {
		t.Error(err)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"{}", "name: 1.10\nmode: 0755", "contents:\n- source: a\n  target: |\n    b\n", `{"name":"a","contents":[{"source":"\u0000"}]}`,
		"bootLoader: grub-bios\ngrub: {modulesDir: m, modules: [a]}", menu, "bootLoaderInstall: [a, '']\nvm: {cpus: 2, run: [[a]], engine: uml}", "a: &a [*a]", "? - a\n: b", "%YAML 1.2\n---\nname: a\n...\n", "name: >-\n  a\n  b", "[[[[", "\"\\", "- ! &",
	} {
		f.Add("s.yaml", []byte(s))
		f.Add("s.json", []byte(s))
	}
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		s, err := Parse(name, data)
		if err != nil {
			var e *Error
			if e, _ = err.(*Error); e == nil || strings.ContainsAny(e.Msg, "\n\r") && !strings.ContainsAny(string(data), "\r") {
				t.Fatalf("%T %q", err, err)
			}
			return
		}
		s.DeriveID("x")
	})
}

// TestTheDocsListEveryOption, and no other.
func TestTheDocsListEveryOption(t *testing.T) {
	text, err := os.ReadFile("../../docs/make-disk-image.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "\n## Options\n")
	table, _, _ = strings.Cut(table, "\n## ")
	listed := map[string]bool{}
	for line := range strings.Lines(table) {
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		first, _, _ := strings.Cut(line[1:], "|")
		for i, word := range strings.Split(first, "`") {
			if i%2 == 1 {
				listed[word] = true
			}
		}
	}
	for _, o := range options() {
		if !listed[o.name] {
			t.Errorf("%s is not in the tables", o.name)
		}
		delete(listed, o.name)
	}
	for name := range listed {
		t.Errorf("%s is in the tables, and is no option", name)
	}
}
