package attest

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	intoto "github.com/in-toto/attestation/go/v1"
	generator "github.com/invopop/jsonschema"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/reprodisk/reprodisk/report"
)

var update = flag.Bool("update", false, "write schema.json and the golden file anew")

func sum(digit string) string { return "sha256:" + strings.Repeat(digit, 64) }

// same is a report of two identical images that verify built.
func same(t *testing.T) *report.Report {
	t.Helper()
	in := func(path string) report.Input {
		return report.Input{Path: path, Size: 64 << 20, Format: "raw", Digest: sum("a")}
	}
	r := &report.Report{
		Tool: report.Tool{Name: "reprodisk", Version: "v1.2.3"},
		A:    in("result/nixos.img"), B: in("second build/nixos.img"),
		Verification: &report.Verification{
			Level: "isolated", Spec: "appliance.yaml", SpecDigest: sum("5"), Builds: 2,
			Variations: []report.Variation{
				{Name: "time", A: "2020-01-01T00:00:00Z", B: "2031-07-09T22:11:00Z", Varied: true},
				{Name: "timezone", A: "UTC", B: "UTC+14", Varied: true},
				{Name: "kernel", A: "6.1", B: "6.1", Why: "needs level vm"},
			},
		},
	}
	if err := r.Finish(); err != nil {
		t.Fatal(err)
	}
	return r
}

// allowed is one with a difference that a policy allows.
func allowed(t *testing.T) *report.Report {
	t.Helper()
	r := same(t)
	r.B.Digest = sum("b")
	r.DifferingBytes = 20
	r.Findings = []report.Finding{
		{ID: "p2/ext4/superblock/s_hash_seed", Partition: 2, Format: "ext4", Structure: "superblock", Field: "s_hash_seed", Bytes: 16, Cause: report.Random, Allowed: "rolled on purpose (.reprodisk.yaml:2)"},
		{ID: "p2/ext4/superblock/s_checksum", Partition: 2, Format: "ext4", Structure: "superblock", Field: "s_checksum", Bytes: 4, Cause: report.Random, Derived: true, DerivedFrom: []string{"p2/ext4/superblock/s_hash_seed"}},
	}
	r.Policy = &report.Policy{Path: ".reprodisk.yaml", Digest: sum("f"), Rules: []report.PolicyRule{
		{Where: ".reprodisk.yaml:2", Names: "field s_hash_seed", Reason: "rolled on purpose", Expires: "2027-01-31", State: report.RuleUsed, Findings: 1},
	}}
	if err := r.Finish(); err != nil {
		t.Fatal(err)
	}
	return r
}

func write(t *testing.T, r *report.Report) string {
	t.Helper()
	s, err := New(r)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := Write(&b, s); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestInTotoReadsTheStatement: the framework's own types take it, strictly.
func TestInTotoReadsTheStatement(t *testing.T) {
	for name, r := range map[string]*report.Report{"same": same(t), "allowed": allowed(t), "folder": folder(t)} {
		text := write(t, r)
		var s intoto.Statement
		if err := protojson.Unmarshal([]byte(text), &s); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, text)
		}
		if err := s.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if s.GetType() != intoto.StatementTypeUri || s.GetPredicateType() != PredicateType {
			t.Errorf("%s: %s, %s", name, s.GetType(), s.GetPredicateType())
		}
	}
}

func folder(t *testing.T) *report.Report {
	t.Helper()
	r := same(t)
	r.A.Format, r.B.Format = "directory", "directory"
	r.A.Digest, r.B.Digest = "", ""
	r.A.Files = []report.InputFile{{Path: "nixos.qcow2", Format: "qcow2", Digest: sum("1"), FileDigest: sum("2")}, {Path: "sub/efi-vars.fd", Digest: sum("3")}}
	r.B.Files = r.A.Files
	return r
}

// TestSubjectsAreTheFilesThatWereCompared: with the digests that sha256sum
// gives of them, each once, and told apart where they differ.
func TestSubjectsAreTheFilesThatWereCompared(t *testing.T) {
	packed := same(t)
	packed.A.Format, packed.A.FileDigest = "qcow2", sum("c")
	packed.B.Format, packed.B.FileDigest = "qcow2", sum("c")
	mixed := same(t)
	mixed.B.Format, mixed.B.FileDigest = "qcow2", sum("d")
	unlike := folder(t)
	unlike.B.Files = []report.InputFile{{Path: "nixos.qcow2", Digest: sum("1"), FileDigest: sum("4")}, {Path: "other", Digest: sum("6")}}
	unlike.Findings = []report.Finding{{ID: "x", Cause: report.Content, Allowed: "y"}}
	twins := folder(t)
	twins.A.Files = []report.InputFile{{Path: "x", Digest: sum("7")}, {Path: "y", Digest: sum("7")}}
	twins.B.Files = twins.A.Files
	for name, c := range map[string]struct {
		r    *report.Report
		want string
	}{
		"same":    {same(t), "nixos.img=a"},
		"allowed": {allowed(t), "a/nixos.img=a b/nixos.img=b"},
		"packed":  {packed, "nixos.img=c"},
		"mixed":   {mixed, "a/nixos.img=a b/nixos.img=d"},
		"folder":  {folder(t), "nixos.qcow2=2 sub/efi-vars.fd=3"},
		"unlike":  {unlike, "a/nixos.qcow2=2 sub/efi-vars.fd=3 b/nixos.qcow2=4 other=6"},
		"twins":   {twins, "x=7 y=7"},
	} {
		s, err := New(c.r)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got []string
		for _, d := range s.Subject {
			got = append(got, d.Name+"="+d.Digest["sha256"][:1])
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: the subjects are %v, not %s", name, got, c.want)
		}
	}
}

func TestNothingIsClaimedThatWasNotFound(t *testing.T) {
	partition := 2
	for want, change := range map[string]func(r *report.Report){
		"the verdict is not reproducible":                                      func(r *report.Report) { r.Findings[0].Allowed = "" },
		"the gate failed: 1 rule of the policy is unused or expired":           func(r *report.Report) { r.Policy.Strict, r.Policy.Rules[0].State = true, report.RuleExpired },
		"the report is only of partition 2":                                    func(r *report.Report) { r.OnlyPartition = &partition },
		"differences that a baseline knows are not reproducible":               func(r *report.Report) { r.Policy.Baseline = &report.Baseline{Known: 1} },
		"no digest of result/nixos.img is known: compare with --digests":       func(r *report.Report) { r.A.Digest = "" },
		"no digest of second build/nixos.img is known: compare with --digests": func(r *report.Report) { r.B.Digest = "" },
		`"md5:00" of result/nixos.img is no SHA-256`:                           func(r *report.Report) { r.A.Digest = "md5:00" },
		`"` + sum("A") + `" of result/nixos.img is no SHA-256`:                 func(r *report.Report) { r.A.Digest = sum("A") },
		"the report has no difference, but other digests for a than for b": func(r *report.Report) {
			r.Findings, r.DifferingBytes = nil, 0
		},
		"no digest of result is known: compare with --digests": func(r *report.Report) {
			r.A.Format, r.A.Path = "directory", "result"
		},
	} {
		r := allowed(t)
		change(r)
		if err := r.Finish(); err != nil {
			t.Fatal(err)
		}
		if s, err := New(r); err == nil || err.Error() != want {
			t.Errorf("%s: %v, %v", want, s, err)
		}
	}
}

// TestTheStatementSaysWhatWasVaried, and allowed: as golden bytes, which do not
// change from run to run.
func TestTheStatementSaysWhatWasVaried(t *testing.T) {
	got := write(t, allowed(t))
	file := filepath.Join("testdata", "allowed.json")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("go test ./report/attest -update writes it\n%s", d)
	}
	for range 3 {
		if again := write(t, allowed(t)); again != got {
			t.Errorf("the same report gives other bytes:\n%s", again)
		}
	}
	s, err := New(same(t))
	if err != nil || s.Predicate.Result != Identical || s.Predicate.Differences != nil || len(s.Predicate.Build.Varied) != 2 || len(s.Predicate.Build.NotVaried) != 1 {
		t.Errorf("%v, %+v", err, s)
	}
}

// TestAStatementAfterItsJSON: a report that was saved gives the same one.
func TestAStatementAfterItsJSON(t *testing.T) {
	r := allowed(t)
	var b bytes.Buffer
	if err := report.WriteJSON(&b, r); err != nil {
		t.Fatal(err)
	}
	back, err := report.ReadJSON(&b)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(write(t, r), write(t, back)); d != "" {
		t.Error(d)
	}
}

func TestHostileNamesAreEscaped(t *testing.T) {
	r := allowed(t)
	evil := "\x1b[2J\u202e\u009b\n\"<script>"
	r.A.Path, r.Findings[0].Allowed, r.Policy.Rules[0].Reason, r.Verification.Command = evil, evil, evil, []string{evil}
	text := write(t, r)
	for _, c := range text {
		if !unicode.IsPrint(c) && c != '\n' {
			t.Errorf("%q in the statement", c)
		}
	}
	if !json.Valid([]byte(text)) {
		t.Error(text)
	}
}

func schema(t *testing.T) []byte {
	t.Helper()
	r := &generator.Reflector{
		AllowAdditionalProperties: true, // a later program may add names
		Mapper: func(typ reflect.Type) *generator.Schema {
			s := &generator.Schema{Type: "string"}
			switch typ {
			case reflect.TypeFor[report.Cause]():
				for _, c := range report.Causes() {
					s.Enum = append(s.Enum, c)
				}
			case reflect.TypeFor[report.RuleState]():
				for _, state := range report.RuleStates() {
					s.Enum = append(s.Enum, state)
				}
			case reflect.TypeFor[Result]():
				for _, x := range Results() {
					s.Enum = append(s.Enum, x)
				}
			default:
				return nil
			}
			return s
		},
	}
	if err := r.AddGoComments("github.com/reprodisk/reprodisk/report/attest", "./"); err != nil {
		t.Fatal(err)
	}
	s := r.Reflect(&Predicate{})
	s.ID, s.Title = "", PredicateType
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(b, '\n')
}

func TestPredicatesFollowTheirSchema(t *testing.T) {
	want := schema(t)
	if *update {
		if err := os.WriteFile("schema.json", want, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(have)); d != "" {
		t.Errorf("schema.json is out of date; go test ./report/attest -update writes it\n%s", d)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(have))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	check := func(text string) error {
		var statement struct{ Predicate json.RawMessage }
		if err := json.Unmarshal([]byte(text), &statement); err != nil {
			t.Fatal(err)
		}
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(statement.Predicate))
		if err != nil {
			t.Fatal(err)
		}
		return s.Validate(v)
	}
	for _, r := range []*report.Report{same(t), allowed(t), folder(t)} {
		if err := check(write(t, r)); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range [][2]string{{`"result": "allowed"`, `"result": "fine"`}, {`"cause": "random"`, `"cause": "magic"`}, {`"bytes": 20`, `"bytes": "20"`}} {
		text := write(t, allowed(t))
		if !strings.Contains(text, bad[0]) {
			t.Fatalf("%s is not in the sample", bad[0])
		}
		if check(strings.Replace(text, bad[0], bad[1], 1)) == nil {
			t.Errorf("accepted: %s", bad[1])
		}
	}
}
