package verify

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/reprodisk/reprodisk/build"
	"github.com/reprodisk/reprodisk/build/spec"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/sandbox"
)

// fast is a pause for builders that do not look at the clock.
const fast = time.Millisecond

// bare are options for two builds with nothing between them and the machine.
func bare() Options { return Options{Level: sandbox.None, Vary: []string{"none"}} }

// TestMain lets the test's own program stand in for a builder of specs: with
// BUILDER set it writes that variable's text as the image.
func TestMain(m *testing.M) {
	sandbox.Main()
	if text := os.Getenv("BUILDER"); text != "" {
		os.Exit(fakeBuild(text))
	}
	os.Exit(m.Run())
}

func fakeBuild(text string) int {
	out := os.Args[4] // build --quiet -o OUT -- SPEC
	if text == "fail" {
		os.Stderr.WriteString("reprodisk: " + os.Args[6] + ":1:1: no good\n")
		return 2
	}
	if text == "cwd" {
		text, _ = os.Getwd()
	}
	if text == "real" {
		s, err := spec.Load(os.Args[6])
		if err == nil {
			_, err = build.Build(context.Background(), s, build.Options{OutDir: out, SourceDateEpoch: os.Getenv("SOURCE_DATE_EPOCH")})
		}
		if err != nil {
			os.Stderr.WriteString("reprodisk: " + err.Error() + "\n")
			return 2
		}
		return 0
	}
	if err := os.Mkdir(out, 0o777); err != nil {
		return 2
	}
	if err := os.WriteFile(filepath.Join(out, "nixos.img"), []byte(text), 0o666); err != nil {
		return 2
	}
	if vars := os.Getenv("VARIABLES"); vars != "" {
		if vars == "cwd" {
			vars, _ = os.Getwd()
		}
		if err := os.WriteFile(filepath.Join(out, "efi-vars.fd"), []byte(vars), 0o666); err != nil {
			return 2
		}
	}
	return 0
}

// private gives the test a folder for temporary files, and checks at its end
// that nothing is left there.
func private(t *testing.T) {
	t.Helper()
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	t.Cleanup(func() {
		if left, _ := filepath.Glob(filepath.Join(tmp, "*")); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	})
}

func specFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "spec.yaml")
	if err := os.WriteFile(path, []byte("name: x\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestEachBuildOfASpecHasAFolderOfItsOwn(t *testing.T) {
	private(t)
	t.Setenv("BUILDER", "cwd")
	res, err := Spec(context.Background(), specFile(t), Options{Pause: fast})
	if err != nil {
		t.Fatal(err)
	}
	if res.Report.Verdict != report.Unreproducible {
		t.Error("two builds ran in the same folder")
	}
	if res.Report.A.Path != "first build/nixos.img" || res.Report.B.Path != "second build/nixos.img" || res.A != "" || res.B != "" {
		t.Errorf("paths %q %q, kept %q %q", res.Report.A.Path, res.Report.B.Path, res.A, res.B)
	}
}

func TestABuildsOwnMessageIsPassedOn(t *testing.T) {
	private(t)
	t.Setenv("BUILDER", "fail")
	path := specFile(t)
	t.Chdir(filepath.Dir(path))
	_, err := Spec(context.Background(), "spec.yaml", Options{Pause: fast})
	if err == nil || err.Error() != "spec.yaml:1:1: no good" {
		t.Errorf("the error is %v", err)
	}
}

func TestTheSecondRunWaitsUntilEveryClockHasMoved(t *testing.T) {
	private(t)
	dir := t.TempDir()
	script := "echo same > $out; date +%s%N >> " + filepath.Join(dir, "times")
	if _, err := Command(context.Background(), []string{"sh", "-c", script}, bare()); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "times"))
	if err != nil {
		t.Fatal(err)
	}
	var times [2]time.Duration
	for i, line := range strings.Fields(string(b)) {
		if times[i], err = time.ParseDuration(line + "ns"); err != nil {
			t.Fatal(err)
		}
	}
	if d := times[1] - times[0]; d <= 2*time.Second {
		t.Errorf("the runs are %v apart, FAT's clock ticks every 2s", d)
	}
}

func TestReadOnlyFoldersOfARunGoAway(t *testing.T) {
	private(t)
	_, err := Command(context.Background(), []string{"sh", "-c", `mkdir -p $out/a/b "$TMPDIR/x/y"; echo x > $out/a/b/c; chmod -R a-w $out "$TMPDIR/x"`}, Options{Pause: fast})
	if err != nil {
		t.Fatal(err)
	}
}

func TestWhatARunLeftRunningIsEnded(t *testing.T) {
	private(t)
	pid := filepath.Join(t.TempDir(), "pid")
	start := time.Now()
	_, err := Command(context.Background(), []string{"sh", "-c", "sleep 1000 & echo $! > " + pid + "; echo x > $out"}, bare())
	if err != nil {
		t.Fatal(err)
	}
	if time.Since(start) > 500*time.Second {
		t.Error("it was waited for")
	}
	b, err := os.ReadFile(pid)
	if err != nil {
		t.Fatal(err)
	}
	state, err := os.ReadFile("/proc/" + strings.TrimSpace(string(b)) + "/stat")
	if err == nil && !strings.Contains(string(state), ") Z ") {
		t.Errorf("it still runs: %s", state)
	}
}

func TestCancellingEndsARun(t *testing.T) {
	private(t)
	ctx, cancel := context.WithCancel(context.Background())
	out := filepath.Join(t.TempDir(), "deep", "out")
	opt := Options{Out: out, Pause: fast, Progress: func(string, int64, int64) { cancel() }}
	_, err := Command(ctx, []string{"sleep", "1000"}, opt)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	if _, err := os.Stat(filepath.Dir(out)); err == nil {
		t.Error("the folder that was made for the output is left")
	}
}

func TestAnOlderCheckGivesWay(t *testing.T) {
	private(t)
	dir := t.TempDir()
	out := filepath.Join(dir, "out")
	write := func(text string) []string { return []string{"sh", "-c", "printf " + text + " > $out"} }
	if _, err := Command(context.Background(), write("one"), Options{Out: out, Pause: fast}); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"two", "three"} {
		res, err := CheckCommand(context.Background(), out, write(text), Options{Pause: fast})
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(out + ".check")
		if err != nil || string(b) != text || res.B != out+".check" || res.Report.B.Path != res.B {
			t.Errorf("the check holds %q (%v), reported as %q", b, err, res.Report.B.Path)
		}
	}
	if _, err := CheckCommand(context.Background(), out, write("one"), Options{Pause: fast}); err != nil {
		t.Fatal(err)
	}
	entries, _ := os.ReadDir(dir)
	if len(entries) != 2 { // the evidence is the other
		t.Errorf("beside the output there is %v", entries)
	}
}

func TestNothingElseIsReplaced(t *testing.T) {
	private(t)
	dir := t.TempDir()
	file, link, full := filepath.Join(dir, "file"), filepath.Join(dir, "link"), filepath.Join(dir, "full")
	if err := os.WriteFile(file, []byte("mine"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("file", link); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(full, "mine"), 0o777); err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{file, link, full} {
		_, err := Command(context.Background(), []string{"sh", "-c", "touch " + dir + "/ran; echo x > $out"}, Options{Out: out, Pause: fast})
		if err == nil || !strings.Contains(err.Error(), "exists already") {
			t.Errorf("%s: %v", out, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "ran")); err == nil {
		t.Error("the builder was run although its output could not be kept")
	}
}
