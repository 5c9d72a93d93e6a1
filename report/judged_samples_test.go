package report

import (
	"fmt"
	"strings"
	"testing"
)

// judgedSamples are reports of images that verify built, and that were held
// against a policy, finished, by name.
func judgedSamples(t *testing.T) map[string]*Report {
	t.Helper()
	out := map[string]*Report{
		"verified": verifiedSame(), "verified-differs": verifiedDiffers(), "verified-unvaried": verifiedUnvaried(),
		"verified-hostile": verifiedHostile(), "policy": underPolicy(), "policy-strict": underStrictPolicy(), "baseline": underBaseline(),
	}
	for name, r := range out {
		r.Tool = Tool{Name: "reprodisk", Version: "0.1.0"}
		if err := r.Finish(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	return out
}

func worlds() []Variation {
	return []Variation{
		{Name: "time", A: "2020-01-01T00:00:00Z, frozen", B: "2031-07-09T22:11:40Z, running", Varied: true},
		{Name: "timezone", A: "UTC", B: "PST8PDT", Varied: true},
		{Name: "locale", A: "LANG=C.UTF-8", B: "LANG=C LC_ALL=C", Varied: true, Why: "no locale with an order of its own is installed: names sort as before"},
		{Name: "environment", A: "the caller's", B: "the caller's and CAPTURE_ENVIRONMENT=i_capture_the_environment", Varied: true},
		{Name: "aslr", A: "on", B: "on", Varied: true},
		{Name: "user_group", A: "root 0:0", B: "root 0:0", Why: "a builder that is run by root may need root; --vary +user_group makes it"},
		{Name: "kernel", A: "6.1", B: "6.1", Why: "needs level supervised"},
		{Name: "memory", A: "24105 MiB", B: "24105 MiB", Why: "needs level supervised"},
		{Name: "load", A: "none", B: "none", Why: "not asked for"},
	}
}

func verifiedSame() *Report {
	return &Report{
		A: image("result/nixos.img"), B: image("second build/nixos.img"), Partitions: efi(),
		Verification: &Verification{
			Level: "isolated", Spec: "appliance.yaml", SpecDigest: "sha256:" + strings.Repeat("5a", 32), Builds: 10, Variations: worlds(),
			Asked: []string{"time", "kernel"}, Evidence: "result/buildinfo.json",
			Repeat: &Repeat{
				Planned: 10, Runs: 10, Note: "a race that changes one build in four would have shown with 94 %",
				Results: []Result{{Digest: "sha256:" + strings.Repeat("0123456789abcdef", 4), Count: 10, Runs: []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}}},
			},
		},
	}
}

func verifiedDiffers() *Report {
	r := many()
	r.Verification = &Verification{
		Level: "supervised", Command: []string{"sh", "-c", "make image && cp disk.img $out"}, Builds: 17, Variations: worlds(),
		Attribution: &Attribution{
			Controls: 3, Races: []string{"p2/ext4/data/var/log/build.log"},
			Trials: []Trial{
				{Variations: []string{"time"}, Value: "2031-07-09T22:11:40Z", Outcome: TrialDiffers, Builds: 2, Findings: []string{"p1/fat/boot sector/BS_VolID", "p2/ext4/inode/i_ctime"}},
				{Variations: []string{"timezone"}, Value: "PST8PDT", Outcome: TrialSame, Builds: 1},
				{Variations: []string{"random"}, Value: "seed 2", Outcome: TrialDiffers, Builds: 2, Findings: []string{"p0/gpt/primary header/DiskGUID", "p2/ext4/superblock/s_hash_seed", "p2/ext4/data/etc/machine-id"}},
				{Variations: []string{"aslr"}, Outcome: TrialUnstable, Builds: 2, Why: "two builds with it differ from each other", Findings: []string{"p2/ext4/data/etc/machine-id"}},
				{Variations: []string{"home"}, Value: "/homeless-varied", Outcome: TrialFailed, Builds: 1, Why: "exit status 2"},
				{Variations: []string{"time", "num_cpus"}, Outcome: TrialSame, Builds: 1},
				{Variations: []string{"kernel"}, Outcome: TrialSkipped, Why: "needs level supervised"},
			},
		},
		Repeat: &Repeat{
			Planned: 20, Runs: 17, Note: "stopped after ten minutes",
			Results: []Result{
				{Digest: "sha256:" + strings.Repeat("0123456789abcdef", 4), Count: 12, Runs: []int{1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13}},
				{Digest: "sha256:" + strings.Repeat("fedcba9876543210", 4), Count: 5, Runs: []int{7, 14, 15, 16, 17}},
			},
		},
	}
	return r
}

func verifiedUnvaried() *Report {
	r := verifiedSame()
	r.Verification = &Verification{Level: "none", Pinned: true, Builds: 2, Variations: []Variation{
		{Name: "time", A: "the machine's", B: "the machine's", Why: "needs level isolated"},
		{Name: "kernel", A: "6.1", B: "6.1", Why: "needs level isolated"},
	}}
	return r
}

// verifiedHostile is what a report from somebody else may say.
func verifiedHostile() *Report {
	esc := "\x1b[2J\n\u202e"
	r := one()
	id := r.Findings[0].ID
	r.Verification = &Verification{
		Level: esc, Command: []string{esc}, Spec: esc, SpecDigest: esc, Builds: 2, Asked: []string{esc}, Evidence: esc,
		Variations: []Variation{{Name: esc, A: esc, B: strings.Repeat("z", 300) + esc, Varied: true, Why: esc}, {Name: esc + "2", A: esc, B: esc, Why: esc}},
		Attribution: &Attribution{Controls: 1, Races: []string{id}, Trials: []Trial{
			{Variations: []string{esc, strings.Repeat("long ", 40)}, Value: esc, Outcome: TrialDiffers, Why: esc, Findings: []string{id}},
		}},
		Repeat: &Repeat{Planned: 1, Runs: 1, Note: esc, Results: []Result{{Digest: esc, Count: 1, Runs: []int{1}}}},
	}
	r.Findings[0].Allowed = esc
	r.Policy = &Policy{
		Path: esc, Strict: true, Rules: []PolicyRule{{Where: esc, Names: esc, Reason: esc, Expires: esc, State: RuleUnused}},
		Baseline: &Baseline{Path: esc, Known: 1, Worse: []Worse{{ID: esc, Why: esc}}, Gone: 1},
	}
	return r
}

func underPolicy() *Report {
	r := many()
	why := map[string]string{
		"p0/gpt/primary header/DiskGUID":  "each disk has its own (.reprodisk.yaml:3)",
		"p2/ext4/superblock/s_hash_seed":  "rolled by mkfs until we have e2fsprogs 1.47.1, which takes it from SOURCE_DATE_EPOCH (.reprodisk.yaml:6)",
		"p2/ext4/inode/i_ctime":           "rolled by mkfs until we have e2fsprogs 1.47.1, which takes it from SOURCE_DATE_EPOCH (.reprodisk.yaml:6)",
		"p2/ext4/data/etc/machine-id":     "each machine has its own (.reprodisk.yaml:11)",
		"p2/ext4/data/var/log/build.log":  "excluded: --exclude /var/log",
		"p2/ext4/group descriptor/no one": "",
	}
	for i := range r.Findings {
		r.Findings[i].Allowed = why[r.Findings[i].ID]
	}
	r.Policy = &Policy{Path: ".reprodisk.yaml", Digest: "sha256:" + strings.Repeat("ab", 32), Rules: []PolicyRule{
		{Where: ".reprodisk.yaml:3", Names: "field DiskGUID", Reason: "each disk has its own", State: RuleUsed, Findings: 1},
		{Where: ".reprodisk.yaml:6", Names: "field s_hash_seed or i_ctime, partition 2", Reason: "rolled by mkfs until we have e2fsprogs 1.47.1, which takes it from SOURCE_DATE_EPOCH", Expires: "2027-01-31", State: RuleUsed, Findings: 2},
		{Where: ".reprodisk.yaml:11", Names: "file /etc/machine-id", Reason: "each machine has its own", State: RuleUsed, Findings: 1},
		{Where: ".reprodisk.yaml:14", Names: "field s_uuid", Reason: "x", State: RuleUnused},
		{Where: "--exclude /var/log", Names: "file /var/log", State: RuleUsed, Findings: 1},
	}}
	r.Warnings = append(r.Warnings, r.Policy.Rules[3].Warning())
	return r
}

func underStrictPolicy() *Report {
	r := allowed()
	r.Policy = &Policy{Path: "ci/policy.yaml", Strict: true, Rules: []PolicyRule{
		{Where: "ci/policy.yaml:2", Names: "field s_hash_seed", Reason: "the hash seed is rolled on purpose", State: RuleUsed, Findings: 1},
		{Where: "ci/policy.yaml:4", Names: "field s_uuid", Reason: "x", Expires: "2026-01-31", State: RuleExpired},
	}}
	r.Warnings = append(r.Warnings, r.Policy.Rules[1].Warning())
	return r
}

// underBaseline has many known findings, and one that is new behind them all.
func underBaseline() *Report {
	r := crowd()
	for i := range r.Findings[:1058] {
		r.Findings[i].Allowed = "known: it is in the baseline base.json"
	}
	b := &Baseline{Path: "base.json", Known: 1058, Gone: 3}
	b.Worse = append(b.Worse, Worse{ID: r.Findings[1058].ID, Why: "its cause is content, and was time"})
	for i := range 12 {
		b.Worse = append(b.Worse, Worse{ID: fmt.Sprintf("p1/%d", i), Why: "it stands for 3 values, and did for 2"})
	}
	r.Policy = &Policy{Rules: []PolicyRule{}, Baseline: b}
	return r
}
