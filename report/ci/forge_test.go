package ci

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
)

// workflowCommand is one command as GitHub's runner takes it apart.
type workflowCommand struct {
	level, message string
	properties     map[string]string
}

// commands reads workflow commands by the rules of the runner's
// ActionCommand: "::name key=value,key=value::data", with %25 %0D %0A, and in
// values %3A %2C.
func commands(t *testing.T, text string) (out []workflowCommand) {
	t.Helper()
	form := regexp.MustCompile(`^::([a-z]+) (.*?)::(.*)$`)
	undo := strings.NewReplacer("%0D", "\r", "%0A", "\n", "%3A", ":", "%2C", ",", "%25", "%")
	for _, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		m := form.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("no command: %q", line)
		}
		a := workflowCommand{level: m[1], message: undo.Replace(m[3]), properties: map[string]string{}}
		for _, p := range strings.Split(m[2], ",") {
			key, value, _ := strings.Cut(p, "=")
			a.properties[key] = undo.Replace(value)
		}
		out = append(out, a)
	}
	return out
}

func TestAnnotationsStandAtTheLine(t *testing.T) {
	list := commands(t, render(t, "annotations", samples(t)["many"], NewSource("images/build.sh", []byte(script))))
	found := false
	for _, a := range list {
		if a.level == "error" && a.properties["line"] == "10" && a.properties["file"] == "images/build.sh" &&
			strings.HasPrefix(a.properties["title"], "superblock s_hash_seed (partition 2, ext4) differs: 0f3c9a61") &&
			strings.Contains(a.message, "\nremedy: mke2fs -E hash_seed=UUID") {
			found = true
		}
	}
	if !found || len(list) != 8 || list[7].level != "warning" {
		t.Errorf("%+v", list)
	}
}

// GitHub shows ten of a level for a step: the tenth says how many there are.
func TestAnnotationsKeepGitHubsLimits(t *testing.T) {
	r := crowd(t, 1000)
	for range 30 {
		r.Warnings = append(r.Warnings, "cannot read it")
	}
	count := map[string]int{}
	list := commands(t, render(t, "annotations", r, nil))
	for _, a := range list {
		count[a.level]++
	}
	if count["error"] != 10 || count["warning"] != 10 || !strings.HasPrefix(list[9].message, "991 more causes") || list[19].message != "21 more warnings" {
		t.Errorf("%v, %+v", count, list)
	}
	if list := commands(t, render(t, "annotations", samples(t)["identical"], nil)); len(list) != 1 || list[0].level != "notice" {
		t.Errorf("%+v", list)
	}
}

// An error is shown exactly where the verdict is that the images differ.
func TestAnnotationsFollowTheVerdict(t *testing.T) {
	all := samples(t)
	all["identical"].B.Size++
	if err := all["identical"].Finish(); err != nil {
		t.Fatal(err)
	}
	all["strict"], all["lenient"] = judged(t, true), judged(t, false)
	for name, r := range all {
		if got := strings.Contains(render(t, "annotations", r, nil), "::error "); got == r.Passes() {
			t.Errorf("%s passes: %v, and has errors: %v", name, r.Passes(), got)
		}
	}
}

func TestSummaryKeepsItsLimit(t *testing.T) {
	r := crowd(t, 20_000)
	for _, limit := range []int{MaxSummary, 100_000, 16384} {
		var b strings.Builder
		if err := WriteSummary(&b, r, limit, 20_000); err != nil {
			t.Fatal(err)
		}
		if b.Len() > limit || b.Len() < limit/2 {
			t.Errorf("%d bytes of %d", b.Len(), limit)
		}
	}
	var b strings.Builder
	if err := WriteSummary(&b, r, 100, 0); err == nil || b.Len() > 0 {
		t.Errorf("%d bytes where 100 have room: %v", b.Len(), err)
	}
}

// The shape is that of GitLab's page "Code Quality": every member is there, of
// the right type, fingerprints are unique, paths relative.
func TestGitLabReportHasTheDocumentedShape(t *testing.T) {
	all := samples(t)
	all["crowd"], all["strict"], all["lenient"] = crowd(t, 6000), judged(t, true), judged(t, false)
	for name, r := range all {
		for _, src := range []*Source{nil, NewSourceAt("images/build.sh", 4)} {
			var list []map[string]any
			if err := json.Unmarshal([]byte(render(t, "gitlab.json", r, src)), &list); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if list == nil || len(list) > maxIssues+1 || len(list) == 0 && r.RootFindings > 0 {
				t.Errorf("%s: %d issues", name, len(list))
			}
			seen := map[string]bool{}
			for _, i := range list {
				location, _ := i["location"].(map[string]any)
				lines, _ := location["lines"].(map[string]any)
				path, _ := location["path"].(string)
				begin, _ := lines["begin"].(float64)
				print, _ := i["fingerprint"].(string)
				severity, _ := i["severity"].(string)
				if path == "" || strings.HasPrefix(path, "/") || strings.HasPrefix(path, "./") || begin < 1 || begin != float64(int(begin)) {
					t.Errorf("%s: location %v", name, location)
				}
				if print == "" || seen[print] {
					t.Errorf("%s: fingerprint %q", name, print)
				}
				seen[print] = true
				if i["description"] == "" || i["check_name"] == "" || severity != "major" && severity != "minor" && severity != "info" || len(i) != 5 {
					t.Errorf("%s: %v", name, i)
				}
				if r.Passes() && severity == "major" {
					t.Errorf("%s passes, and has an issue that is %s", name, severity)
				}
			}
		}
	}
}
