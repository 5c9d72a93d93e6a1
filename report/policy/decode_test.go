package policy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reprodisk/reprodisk/internal/document"
	"github.com/reprodisk/reprodisk/report"
)

const whole = `version: 1
strict: true
allow:
  - field: s_hash_seed
    reason: |
      rolled at first boot,
      on purpose
    expires: 2027-01-31
  - file: [/var/log, '*.pyc']
    partition: {number: 2, name: root, label: [a, b], type: 83}
    range: [0x1b8+4, 10-19, 7]
    cause: [time, random]
    image: nixos.img
    reason: caches
  - partition: 1
    reason: the ESP
`

func TestAPolicySaysWhatItMeans(t *testing.T) {
	p, err := Parse("p.yaml", []byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	one, two := 1, 2
	want := []Rule{
		{Where: "p.yaml:4", Field: []Glob{"s_hash_seed"}, Reason: "rolled at first boot, on purpose", Expires: "2027-01-31"},
		{
			Where: "p.yaml:9", File: []Glob{"/var/log", "*.pyc"}, Image: []Glob{"nixos.img"},
			Partition: &Partition{Number: &two, Name: []Glob{"root"}, Label: []Glob{"a", "b"}, Type: []Glob{"83"}},
			Range:     []report.Range{{Offset: 7, Length: 1}, {Offset: 10, Length: 10}, {Offset: 440, Length: 4}},
			Cause:     []report.Cause{report.Time, report.Random}, Reason: "caches",
		},
		{Where: "p.yaml:15", Partition: &Partition{Number: &one}, Reason: "the ESP"},
	}
	if d := cmp.Diff(want, p.Rules, cmp.AllowUnexported(Rule{})); d != "" || !p.Strict {
		t.Error(d)
	}
	const names = "file /var/log or *.pyc, image nixos.img, partition 2, partition name root, partition label a or b, partition type 83, range 7+1 or 10+10 or 440+4, cause time or random"
	if got := p.Rules[1].String(); got != names {
		t.Error(got)
	}
	if !strings.HasPrefix(p.Digest, "sha256:") || len(p.Digest) != 7+64 {
		t.Error(p.Digest)
	}
}

func TestMistakesAreNamedWithTheirPlace(t *testing.T) {
	rule := func(s string) string { return "allow:\n- {" + s + ", reason: x}" }
	for text, want := range map[string]string{
		"":                                      `p.yaml: is empty; the smallest policy is allow: []`,
		"- field: x":                            `p.yaml:1:1: a policy is a mapping of options, not a list`,
		"alow: []":                              `p.yaml:1:1: unknown key "alow", did you mean "allow"?`,
		"zzzzzzzzzz: 1":                         `p.yaml:1:1: unknown key "zzzzzzzzzz"; there are allow, strict, version`,
		"version: 2":                            `p.yaml:1:10: version: "2" is not 1, the only one that this program knows`,
		"strict: yes":                           `p.yaml:1:9: strict: wants true or false, not text`,
		"allow: x":                              `p.yaml:1:8: allow: wants a list of rules, not text`,
		"allow: [x]":                            `p.yaml:1:9: allow: a rule is a mapping, such as {field: s_uuid, reason: …}, not text`,
		"allow: []\nallow: []":                  `p.yaml:2:1: allow is given twice, first in line 1`,
		"allow:\n- field: x":                    `p.yaml:2:3: allow: a rule without a reason`,
		"allow:\n- reason: x":                   `p.yaml:2:3: allow: a rule that names nothing: give it field, file, partition, range, cause or image`,
		"allow:\n- field: x\n  reason: ' '":     `p.yaml:3:11: allow: reason: is empty`,
		"allow:\n- field: x\n  reason: ''":      `p.yaml:3:11: allow: reason: is empty`,
		"allow:\n- field: x\n  reason: true":    `p.yaml:3:11: allow: reason: wants text, not true or false; quote it`,
		"allow:\n- field: x\n  reason: todo: x": `p.yaml:3:11: mapping value is not allowed in this context`,
		"allow:\n- field: x\n  reason: Todo":    `p.yaml:3:11: allow: reason: say why this may differ, in the place of TODO`,
		"allow:\n- field: x\n  reason: \"TODO: say why\"":                   `p.yaml:3:11: allow: reason: say why this may differ, in the place of TODO`,
		"allow:\n- field: x\n  reason: " + strings.Repeat("x", maxReason+1): `p.yaml:3:11: allow: reason: is longer than 2000 bytes`,
		rule("feild: x"):                     `p.yaml:2:4: allow: unknown key "feild", did you mean "field"?`,
		rule("field: []"):                    `p.yaml:2:11: allow: field: an empty list, which names nothing`,
		rule("field: {a: b}"):                `p.yaml:2:12: allow: field: wants text, not a mapping`,
		rule("field: ''"):                    `p.yaml:2:11: allow: field: is empty`,
		rule("file: etc/passwd"):             `p.yaml:2:10: allow: file: "etc/passwd": a path begins with a slash; without any slash it is the name alone`,
		rule("partition: ESP"):               `p.yaml:2:15: allow: partition: wants a number, or {number: …, name: …, label: …, type: …}`,
		rule("partition: -1"):                `p.yaml:2:15: allow: partition: wants a partition's number, 0 or more`,
		rule("partition: {}"):                `p.yaml:2:15: allow: partition: names no partition: give it number, name, label or type`,
		rule("partition: {nmae: x}"):         `p.yaml:2:16: allow: partition: unknown key "nmae", did you mean "name"?`,
		rule("range: 1+0"):                   `p.yaml:2:11: allow: range: "1+0": a range of at least one byte, below 2⁶³`,
		rule("range: 9-8"):                   `p.yaml:2:11: allow: range: "9-8": a range of at least one byte, below 2⁶³`,
		rule("range: 1+9223372036854775807"): `p.yaml:2:11: allow: range: "1+9223372036854775807": a range of at least one byte, below 2⁶³`,
		rule("range: 0-9223372036854775807"): `p.yaml:2:11: allow: range: "0-9223372036854775807": a range of at least one byte, below 2⁶³`,
		rule("range: 9223372036854775808"):   `p.yaml:2:11: allow: range: "9223372036854775808" is no range of bytes: OFFSET+LENGTH, FIRST-LAST or one OFFSET, in decimal or as 0x1be`,
		rule("range: 1k"):                    `p.yaml:2:11: allow: range: "1k" is no range of bytes: OFFSET+LENGTH, FIRST-LAST or one OFFSET, in decimal or as 0x1be`,
		rule("range: -5"):                    `p.yaml:2:11: allow: range: "-5" is no range of bytes: OFFSET+LENGTH, FIRST-LAST or one OFFSET, in decimal or as 0x1be`,
		rule("cause: tiem"):                  `p.yaml:2:11: allow: cause: "tiem" is not one of time, random, order, placement, environment, content, residue, unknown, did you mean "time"?`,
		rule("expires: 31.1.2027"):           `p.yaml:2:13: allow: expires: "31.1.2027" is no day as in 2027-01-31`,
		rule("expires: 2027-02-30"):          `p.yaml:2:13: allow: expires: "2027-02-30" is no day as in 2027-01-31`,
		rule("field: a, field: b"):           `p.yaml:2:14: allow: field is given twice, first in line 2`,
		"allow: []\n---\nallow: []":          `p.yaml:3:1: a second document: a policy is one document`,
	} {
		_, err := Parse("p.yaml", []byte(text))
		if err == nil || err.Error() != want {
			t.Errorf("%s\n got %v\nwant %s", text, err, want)
		}
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	if _, err := Load(dir); err == nil || err.Error() != dir+": is a folder; name the policy in it" {
		t.Error(err)
	}
	if _, err := Load(dir + "/x"); err == nil || err.Error() != dir+"/x: no such file or directory" {
		t.Error(err)
	}
	file := filepath.Join(dir, "p.json")
	if err := os.WriteFile(file, []byte(`{"allow": [{"field": "x", "reason": "y"}]}`), 0o666); err != nil {
		t.Fatal(err)
	}
	if p, err := Load(file); err != nil || len(p.Rules) != 1 || p.Path != file {
		t.Error(p, err)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{whole, "allow: []", `{"allow":[{"range":"1+1","reason":"x"}]}`, "allow: [{partition: {type: '*'}, reason: *a}]"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Parse("p.yaml", data)
		if err != nil {
			if e, ok := err.(*document.Error); !ok || strings.Contains(e.Msg, "\n") && !strings.Contains(string(data), "\r") {
				t.Fatalf("%T %q", err, err)
			}
			return
		}
		r := sample(t)
		if err := (&Gate{Policy: p, Today: today}).Judge(r); err != nil {
			t.Fatal(err)
		}
		for _, rule := range p.Rules {
			if rule.Reason == "" || rule.String() == "" {
				t.Fatalf("%+v", rule)
			}
		}
	})
}
