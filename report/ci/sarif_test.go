package ci

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/reprodisk/reprodisk/report"
)

// sarifLog is what the tests read of a SARIF log.
type sarifLog struct {
	Runs []struct {
		Tool      sarifTool
		Results   []sarifResult
		Artifacts []sarifArtifact

		Invocations []struct {
			ExitCode      int
			Notifications []sarifNotification `json:"toolExecutionNotifications"`
		}
	}
}

func sarifOf(t *testing.T, r *report.Report, src *Source) (log sarifLog) {
	t.Helper()
	if err := json.Unmarshal([]byte(render(t, "sarif", r, src)), &log); err != nil {
		t.Fatal(err)
	}
	return log
}

// schema is the official one, which is written in draft 4 of JSON Schema.
func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	b, err := os.ReadFile("testdata/sarif-schema-2.1.0.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(sarifSchema, doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(sarifSchema)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSARIFFollowsItsSchema(t *testing.T) {
	s := schema(t)
	check := func(name string, r *report.Report, src *Source) {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(render(t, "sarif", r, src)))
		if err == nil {
			err = s.Validate(v)
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, r := range samples(t) {
		check(name, r, nil)
		check(name+" with a source", r, NewSource("build.sh", []byte(script)))
	}
	for i, text := range nasty {
		check(fmt.Sprintf("%q", text), poisoned(text, i%2 == 0), nil)
	}
	check("built", built(t), NewSourceAt("images/appliance.yaml", 3))
	// The judge does judge.
	bad := strings.Replace(render(t, "sarif", samples(t)["one"], nil), `"level":"error"`, `"level":"fatal"`, 1)
	if v, err := jsonschema.UnmarshalJSON(strings.NewReader(bad)); err != nil || s.Validate(v) == nil {
		t.Error("a level that SARIF does not know is valid")
	}
}

func TestSARIFHasARuleForEachKindOfField(t *testing.T) {
	log := sarifOf(t, samples(t)["many"], nil)
	run := log.Runs[0]
	if len(run.Tool.Driver.Rules) != 6 || len(run.Results) != 7 {
		t.Fatalf("%d rules, %d results", len(run.Tool.Driver.Rules), len(run.Results))
	}
	for _, res := range run.Results {
		rule := run.Tool.Driver.Rules[res.RuleIndex]
		if rule.ID != res.RuleID {
			t.Errorf("rule %d is %s, not %s", res.RuleIndex, rule.ID, res.RuleID)
		}
		if rule.ID != "ext4/superblock/s_hash_seed" {
			continue
		}
		for _, want := range []string{"drawn at random", "mke2fs -E hash_seed=UUID"} {
			if !strings.Contains(rule.Help.Text, want) {
				t.Errorf("no %q in %q", want, rule.Help.Text)
			}
		}
		if !strings.Contains(rule.Help.Markdown, `mke2fs -E hash\_seed=UUID`) {
			t.Errorf("%q", rule.Help.Markdown)
		}
		if first, _, _ := strings.Cut(res.Message.Text, ".\n"); !strings.HasPrefix(first, "superblock s_hash_seed (partition 2, ext4) differs: 0f3c9a61-") {
			t.Errorf("%q", res.Message.Text)
		}
		if res.Properties.Consequences != 4 || len(res.Suppressions) != 0 || res.Level != "error" {
			t.Errorf("%+v", res)
		}
		at := res.Locations[0]
		if at.PhysicalLocation.ArtifactLocation.URI != "result/nixos.img" || *at.PhysicalLocation.Region.ByteOffset != 68158828 || *at.PhysicalLocation.Region.ByteLength != 16 ||
			at.LogicalLocations[0].FullyQualifiedName != "p2/ext4/superblock/s_hash_seed" {
			t.Errorf("%+v", at)
		}
	}
}

// With a source the red mark stands at its line, and the bytes are related.
func TestSARIFResultsLieInTheSource(t *testing.T) {
	for _, res := range sarifOf(t, samples(t)["many"], NewSource("images/build.sh", []byte(script))).Runs[0].Results {
		if res.RuleID != "ext4/superblock/s_hash_seed" {
			continue
		}
		at := res.Locations[0].PhysicalLocation
		if at.ArtifactLocation.URI != "images/build.sh" || at.Region.StartLine != 10 || at.Region.ByteOffset != nil {
			t.Errorf("%+v", at)
		}
		related := res.RelatedLocations[0].PhysicalLocation
		if related.ArtifactLocation.URI != "result/nixos.img" || *related.Region.ByteOffset != 68158828 {
			t.Errorf("%+v", related)
		}
	}
}

func TestSARIFSuppressesWhatIsAllowed(t *testing.T) {
	run := sarifOf(t, samples(t)["allowed"], nil).Runs[0]
	res := run.Results[0]
	if len(res.Suppressions) != 1 || res.Suppressions[0] != (sarifSuppression{"external", "accepted", "the hash seed is rolled on purpose"}) || res.Level != "note" {
		t.Errorf("%+v", res)
	}
	if run.Invocations[0].ExitCode != 0 {
		t.Errorf("exit code %d", run.Invocations[0].ExitCode)
	}
}

// Two runs of the same builder move times by other amounts, to other bytes.
// Their findings are the same ones all the same, and no two of a run are.
func TestFingerprintsStayFromRunToRun(t *testing.T) {
	prints := func(seconds int, names ...string) (out []string) {
		p := newFingerprints()
		for i, name := range names {
			out = append(out, p.of(&report.Finding{
				ID: fmt.Sprintf(name, seconds+i), Bytes: int64(seconds), Ranges: []report.Range{{Offset: int64(seconds)}},
			}))
		}
		return out
	}
	names := []string{"p2/ext4/inode/i_ctime#%+ds", "p2/ext4/inode/i_ctime#%+ds:x", "p2/ext4/inode/i_ctime#%+ds", "p1/ext4/inode/i_ctime#%+ds", "p2/ext4/entry/x#1%[2]s"}
	first, second := prints(3, names...), prints(27, names...)
	seen := map[string]bool{}
	for i := range first {
		if first[i] != second[i] {
			t.Errorf("%s: %s, then %s", names[i], first[i], second[i])
		}
		if seen[first[i]] {
			t.Errorf("%s: %s is there twice", names[i], first[i])
		}
		seen[first[i]] = true
	}
	r := samples(t)["many"]
	a, b := sarifOf(t, r, nil).Runs[0].Results, sarifOf(t, samples(t)["many"], NewSourceAt("Makefile", 9)).Runs[0].Results
	for i := range a {
		if a[i].PartialFingerprints["primaryLocationLineHash"] != b[i].PartialFingerprints["primaryLocationLineHash"] {
			t.Errorf("%s: the fingerprint depends on the line", a[i].RuleID)
		}
	}
}

// GitHub refuses more than 25,000 results. What is allowed gives way first,
// and the log says how many are missing.
func TestSARIFKeepsGitHubsLimits(t *testing.T) {
	r := crowd(t, 26_000)
	for i := range r.Findings {
		if i < 2000 {
			r.Findings[i].Allowed = "known"
		}
	}
	run := sarifOf(t, r, nil).Runs[0]
	open := 0
	for _, res := range run.Results {
		if len(res.Suppressions) == 0 {
			open++
		}
	}
	if len(run.Results) != 25_000 || open != 24_000 || len(run.Tool.Driver.Rules) != 1 {
		t.Errorf("%d results, %d of them not allowed, %d rules", len(run.Results), open, len(run.Tool.Driver.Rules))
	}
	if n := run.Invocations[0].Notifications; len(n) != 1 || !strings.Contains(n[0].Message.Text, "1,000 more results are left out") {
		t.Errorf("%+v", n)
	}
}

func TestSARIFHasTheDigestsOfFiles(t *testing.T) {
	r := samples(t)["one"]
	disk, file := "sha256:"+strings.Repeat("0a", 32), "sha256:"+strings.Repeat("1b", 32)
	r.A.Digest = disk
	r.B.Digest, r.B.FileDigest, r.B.Format = disk, file, "qcow2"
	list := sarifOf(t, r, nil).Runs[0].Artifacts
	if list[0].Hashes["sha-256"] != disk[7:] || list[1].Hashes["sha-256"] != file[7:] || *list[0].Length != 2<<30 || list[1].Length != nil {
		t.Errorf("%+v", list)
	}
	r.A.Format = "qcow2" // the offsets are the disk's, not the file's
	log := sarifOf(t, r, nil).Runs[0]
	if log.Artifacts[0].Hashes != nil || log.Results[0].Locations[0].PhysicalLocation.Region != nil {
		t.Errorf("%+v", log)
	}
}

func TestPathsAsURIs(t *testing.T) {
	for in, want := range map[string]string{
		"result/nixos.img": "result/nixos.img", "/tmp/a b.img": "file:///tmp/a%20b.img", "first run of sh": "first%20run%20of%20sh",
		"a:b": "a%3Ab", "x/?#%": "x/%3F%23%25", "": "image", "./x": "x",
	} {
		if got := uriOf(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

func TestSARIFSaysHowAFindingStandsToTheBaseline(t *testing.T) {
	r := samples(t)["many"]
	r.Policy = &report.Policy{Baseline: &report.Baseline{Path: "earlier.json", Worse: []report.Worse{{ID: "p2/ext4/inode/i_ctime", Why: "more"}}}}
	for i := range r.Findings {
		switch f := &r.Findings[i]; f.Field {
		case "s_hash_seed":
			f.Allowed = "known: it is in the baseline earlier.json"
		case "BS_VolID":
			f.Allowed = "a rule says so"
		}
	}
	got := map[string]string{}
	for _, res := range sarifOf(t, r, nil).Runs[0].Results {
		got[res.RuleID] = res.BaselineState
	}
	for rule, want := range map[string]string{"ext4/superblock/s_hash_seed": "unchanged", "fat/boot-sector/BS_VolID": "", "ext4/inode/i_ctime": "updated", "gpt/primary-header/DiskGUID": "new"} {
		if got[rule] != want {
			t.Errorf("%s is %q, want %q", rule, got[rule], want)
		}
	}
}
