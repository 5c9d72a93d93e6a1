package verify

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/buildinfo"
	"github.com/reprodisk/reprodisk/verify/sandbox"
	"github.com/reprodisk/reprodisk/verify/world"
)

// stage is a sandbox whose builder is a function: of the world, and of how many
// builds there were before. It leaves a text, or fails where that is empty.
type stage struct {
	builder func(w world.World, n int) string
	cannot  map[world.Name]string

	mu     sync.Mutex
	worlds []world.World
}

func (s *stage) Run(ctx context.Context, r sandbox.Request) (*sandbox.Result, error) {
	s.mu.Lock()
	n := len(s.worlds)
	s.worlds = append(s.worlds, r.World)
	s.mu.Unlock()
	fmt.Fprintf(r.Stdout, "building\n")
	text := s.builder(r.World, n)
	if text == "" {
		return &sandbox.Result{ExitCode: 7}, nil
	}
	out := filepath.Join(r.OutDir, "out")
	res := &sandbox.Result{Out: out}
	if r.Watch {
		res.Asked = world.Names()
	}
	return res, os.WriteFile(out, []byte(text), 0o666)
}

func (s *stage) Can(_ sandbox.Level, w *world.World) map[world.Name]string {
	out := map[world.Name]string{}
	for n, why := range s.cannot {
		if w := *w; fmt.Sprint(world.Mix(w, world.World{}, n)) != fmt.Sprint(w) {
			out[n] = why
		}
	}
	return out
}

var command = []string{"sh", "-c", "true"}

func row(t *testing.T, r *report.Report, n world.Name) report.Variation {
	t.Helper()
	for _, v := range r.Verification.Variations {
		if v.Name == string(n) {
			return v
		}
	}
	t.Fatalf("%s is not in the report", n)
	return report.Variation{}
}

func TestBothWorldsAreTold(t *testing.T) {
	private(t)
	s := &stage{builder: func(world.World, int) string { return "same" }, cannot: map[world.Name]string{world.KernelName: "no supervision here"}}
	res, err := Command(context.Background(), command, Options{Sandbox: s, Vary: []string{"all,-timezone,-random"}})
	if err != nil {
		t.Fatal(err)
	}
	r := res.Report
	if r.Verdict != report.Reproducible || r.Verification.Builds != 2 || !slices.Equal(r.Verification.Command, command) {
		t.Errorf("%+v", r.Verification)
	}
	for _, n := range world.Names() {
		v := row(t, r, n)
		left := n == world.KernelName || n == world.Timezone || n == world.RandomName || n == world.NumCPUs && world.ReadMachine().CPUs == 1
		if v.Varied == left || left && v.Why == "" || v.Varied && !world.BySelf(n) && v.A == v.B {
			t.Errorf("%+v", v)
		}
	}
	if a, b := s.worlds[0], s.worlds[1]; a.Random != b.Random || a.Random.Seed == "" {
		t.Error("randomness, which was left out, is not held")
	}
	if v := row(t, r, world.KernelName); v.Why != "no supervision here" {
		t.Errorf("%+v", v)
	}
	if _, err := Command(context.Background(), command, Options{Sandbox: s, Vary: []string{"+kernel"}}); err == nil || err.Error() != "kernel cannot be varied: no supervision here" {
		t.Errorf("%v", err)
	}
	res, err = Command(context.Background(), command, Options{Sandbox: s, Vary: []string{"none"}, Pause: fast})
	if err != nil {
		t.Fatal(err)
	}
	if v := row(t, res.Report, world.Umask); v.Varied || v.A != v.B {
		t.Errorf("%+v", v)
	}
}

func TestAClockThatCanBeSetNeedsNoPause(t *testing.T) {
	private(t)
	s := &stage{builder: func(world.World, int) string { return "same" }}
	said := []string{}
	opt := Options{Sandbox: s, Progress: func(stage string, _, _ int64) { said = append(said, stage) }}
	if _, err := Command(context.Background(), command, opt); err != nil {
		t.Fatal(err)
	}
	if slices.Contains(said, "waiting for the clock to move on") {
		t.Error(said)
	}
}

func TestTheCulpritOfAFailureIsFound(t *testing.T) {
	private(t)
	s := &stage{builder: func(w world.World, _ int) string {
		if w.Umask != nil && *w.Umask == 0o002 && w.Home != "" {
			return ""
		}
		return "good"
	}}
	// What every machine can vary: in how many tries it is found depends on what
	// there is besides.
	_, err := Command(context.Background(), command, Options{Sandbox: s, Vary: []string{"none,time,timezone,locale,environment,exec_path,home,build_path,umask"}})
	if err == nil || !strings.HasPrefix(err.Error(), "second run of sh: exit status 7; ") || !strings.Contains(err.Error(), "umask (0022 → 0002) varied; --vary -home,-umask leaves that out") {
		t.Errorf("%v", err)
	}
	var failed *BuildError
	if !errors.As(err, &failed) || failed.Tail != "building\n" {
		t.Errorf("%+v", failed)
	}

	// One that fails every second time is no world's doing.
	s = &stage{builder: func(_ world.World, n int) string { return strings.Repeat("x", 1-min(n, 1)) }}
	_, err = Command(context.Background(), command, Options{Sandbox: s})
	if err == nil || err.Error() != "second run of sh: exit status 7" || len(s.worlds) != 3 {
		t.Errorf("%v, after %d builds", err, len(s.worlds))
	}
}

func TestAttributionReachesTheReport(t *testing.T) {
	private(t)
	s := &stage{builder: func(w world.World, _ int) string { return "kernel " + w.Kernel.Release + strings.Repeat(".", 100) }}
	opt := Options{Sandbox: s, Attribute: true, Out: filepath.Join(t.TempDir(), "image")}
	res, err := Command(context.Background(), command, opt)
	if err != nil {
		t.Fatal(err)
	}
	v := res.Report.Verification
	if res.Report.Findings[0].Variation != "kernel" || v.Attribution == nil || len(v.Asked) == 0 || v.Builds != len(s.worlds) || v.Builds < 10 {
		t.Errorf("%+v, %d builds", res.Report.Findings[0], v.Builds)
	}

	// Nothing differs: nothing more is built.
	s = &stage{builder: func(world.World, int) string { return "same" }}
	opt.Sandbox = s
	opt.Out = ""
	res, err = Command(context.Background(), command, opt)
	if err != nil || res.Report.Verification.Attribution != nil || len(s.worlds) != 2 {
		t.Errorf("%v, %d builds", err, len(s.worlds))
	}

	// A builder that fails in the pinned world: the report is there all the same.
	s = &stage{builder: func(w world.World, n int) string {
		if w.Clock.Mode == world.ClockFrozen {
			return ""
		}
		return fmt.Sprint("build ", n)
	}}
	opt.Sandbox = s
	res, err = Command(context.Background(), command, opt)
	if err != nil || len(res.Report.Warnings) != 1 || !strings.Contains(res.Report.Warnings[0], "fails in the pinned world") {
		t.Errorf("%v", err)
	}

	s.cannot = map[world.Name]string{world.RandomName: "no supervision"}
	if _, err := Command(context.Background(), command, opt); err == nil || !strings.Contains(err.Error(), "needs a pinned world: random: no supervision") {
		t.Errorf("%v", err)
	}
}

func TestRepeatedBuildsAreCounted(t *testing.T) {
	private(t)
	s := &stage{builder: func(_ world.World, n int) string { return []string{"one", "one", "two", "one", "three"}[n%5] }}
	res, err := Command(context.Background(), command, Options{Sandbox: s, Repeat: 10, Parallel: 1, Pause: fast})
	if err != nil {
		t.Fatal(err)
	}
	p := res.Report.Verification.Repeat
	if p.Runs != 10 || len(p.Results) != 3 || p.Results[0].Count != 6 || !slices.Equal(p.Results[1].Runs, []int{3, 8}) || res.Report.Verdict != report.Unreproducible {
		t.Errorf("%+v", p)
	}
	if !strings.Contains(p.Note, "3 distinct results; the most frequent came up in 6 of 10 builds") {
		t.Error(p.Note)
	}
	for _, w := range s.worlds[1:] {
		if fmt.Sprint(w) != fmt.Sprint(s.worlds[0]) {
			t.Fatal("repeated builds are in different worlds")
		}
	}

	s = &stage{builder: func(world.World, int) string { return "same" }}
	res, err = Command(context.Background(), command, Options{Sandbox: s, Repeat: 1000, MissRate: 0.5, Pin: true, Parallel: 3})
	if err != nil {
		t.Fatal(err)
	}
	p = res.Report.Verification.Repeat
	// 0.5^7 is the first below 1 %; those that run at the same time still end.
	if p.Runs < 7 || p.Runs > 9 || p.Planned != 1000 || res.Report.Verdict != report.Reproducible || !res.Report.Verification.Pinned {
		t.Errorf("%+v", p)
	}
}

func TestWhatTheOddsAre(t *testing.T) {
	for rate, n := range map[float64]int{0.5: 7, 0.1: 44, 0.01: 459} {
		if got := enough(rate); got != n || missed(rate, n) > MissChance || missed(rate, n-1) <= MissChance {
			t.Errorf("rate %v: %d builds, want %d", rate, got, n)
		}
	}
}

func TestPinnedBuildsAreInOneWorld(t *testing.T) {
	private(t)
	s := &stage{builder: func(w world.World, _ int) string { return fmt.Sprint(w.Clock, w.Random, w.Host) }}
	res, err := Command(context.Background(), command, Options{Sandbox: s, Pin: true})
	if err != nil {
		t.Fatal(err)
	}
	if res.Report.Verdict != report.Reproducible || fmt.Sprint(s.worlds[0]) != fmt.Sprint(s.worlds[1]) {
		t.Error("two pinned worlds differ")
	}
	res, err = Command(context.Background(), command, Options{Sandbox: s, Pin: true, Vary: []string{"+domain_host"}})
	if err != nil || res.Report.Verdict != report.Unreproducible {
		t.Errorf("with another host name: %v", err)
	}
	s.cannot = map[world.Name]string{world.Time: "no supervision"}
	if _, err := Command(context.Background(), command, Options{Sandbox: s, Pin: true}); err == nil || !strings.Contains(err.Error(), "time: no supervision") {
		t.Errorf("%v", err)
	}
}

func TestEvidenceIsKeptAndRepeated(t *testing.T) {
	private(t)
	out := filepath.Join(t.TempDir(), "image")
	s := &stage{builder: func(w world.World, _ int) string { return "on " + w.Kernel.Release + strings.Repeat(".", 100) }}
	res, err := Command(context.Background(), command, Options{Sandbox: s, Out: out})
	if err != nil {
		t.Fatal(err)
	}
	if res.Evidence != out+".buildinfo.json" || res.Report.Verification.Evidence != res.Evidence {
		t.Fatalf("%+v", res)
	}
	f, err := os.Open(res.Evidence)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := buildinfo.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	if len(info.Builds) != 2 || info.Builds[0].Digest == info.Builds[1].Digest || info.Builds[0].Log != "building\n" || !slices.Equal(info.Command, command) {
		t.Errorf("%+v", info)
	}
	if fmt.Sprint(info.Builds[1].World.Kernel) != fmt.Sprint(s.worlds[1].Kernel) || len(info.Inputs) != 1 || info.Inputs[0].Digest == "" {
		t.Errorf("%+v", info.Builds[1].World)
	}

	again := &stage{builder: s.builder}
	res, err = Again(context.Background(), out+".buildinfo.json", Options{Sandbox: again})
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(again.worlds[0].Kernel, again.worlds[1].Clock.Mode) != fmt.Sprint(s.worlds[0].Kernel, s.worlds[1].Clock.Mode) || len(res.Report.Warnings) > 0 {
		t.Errorf("worlds %+v, warnings %q", again.worlds, res.Report.Warnings)
	}
	again.builder = func(world.World, int) string { return "other" }
	res, err = Again(context.Background(), out+".buildinfo.json", Options{Sandbox: again})
	if err != nil || len(res.Report.Warnings) != 2 || !strings.Contains(res.Report.Warnings[0], " before, and gives sha256:") {
		t.Errorf("%v, %+v", err, res)
	}
	if _, err := Again(context.Background(), out+".buildinfo.json", Options{Sandbox: again, Vary: []string{"all"}}); err == nil {
		t.Error("a run that is repeated is varied")
	}
	if _, err := Again(context.Background(), out, Options{Sandbox: again}); err == nil || strings.Contains(err.Error(), "\n") {
		t.Errorf("an image as evidence: %v", err)
	}
}

// TestACheckIsInAnotherWorldThanTheEarlierBuild: also where that was the second
// world of some other verification.
func TestACheckIsInAnotherWorldThanTheEarlierBuild(t *testing.T) {
	private(t)
	out := filepath.Join(t.TempDir(), "image")
	s := &stage{builder: func(w world.World, _ int) string { return "on " + w.Kernel.Release + strings.Repeat(".", 100) }}
	if _, err := Command(context.Background(), command, Options{Sandbox: s, Out: out, Pin: true, Vary: []string{"kernel"}}); err != nil {
		t.Fatal(err)
	}
	res, err := CheckCommand(context.Background(), out, command, Options{Sandbox: s})
	if err != nil {
		t.Fatal(err)
	}
	if v := row(t, res.Report, world.KernelName); !v.Varied || !strings.HasPrefix(v.A, "6.1.0-pinned") || v.A == v.B || res.Report.Verdict != report.Unreproducible {
		t.Errorf("%+v", v)
	}
	// Beside an image that was not built here there is no evidence.
	if err := os.Remove(out + ".buildinfo.json"); err != nil {
		t.Fatal(err)
	}
	if _, err := CheckCommand(context.Background(), out, command, Options{Sandbox: s, Vary: []string{"none"}, Pause: fast}); err != nil {
		t.Fatal(err)
	}
	if _, err := CheckCommand(context.Background(), out, command, Options{Sandbox: s, Attribute: true}); err == nil {
		t.Error("a check is attributed")
	}
}

func TestEvidenceReplacesOnlyEvidence(t *testing.T) {
	private(t)
	out := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(out+".buildinfo.json", []byte("mine"), 0o666); err != nil {
		t.Fatal(err)
	}
	s := &stage{builder: func(world.World, int) string { return "same" }}
	if _, err := Command(context.Background(), command, Options{Sandbox: s, Out: out}); err == nil || !strings.Contains(err.Error(), "exists already") || len(s.worlds) > 0 {
		t.Errorf("%v", err)
	}
}
