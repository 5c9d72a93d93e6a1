package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// step runs a script as a forge does, and gives its exit status and what it
// said.
func step(t *testing.T, dir, script string, env ...string) (int, string) {
	t.Helper()
	cmd := exec.Command("sh", "-e", script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// twoImages are two small disks that differ, without a filesystem.
func twoImages(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for i, name := range []string{"first disk.img", "second.img"} {
		b := make([]byte, 64<<10)
		b[1000] = byte(i)
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestActionRuns runs the action's script as GitHub's runner does, with the
// program itself.
func TestActionRuns(t *testing.T) {
	script, err := filepath.Abs(actionScript)
	if err != nil {
		t.Fatal(err)
	}
	workflow := "jobs:\n  image:\n    steps:\n      - run: qemu-img create x\n"
	run := func(t *testing.T, inputs ...string) (status int, out, outputs, dir string) {
		dir = twoImages(t)
		must := func(err error) {
			if err != nil {
				t.Fatal(err)
			}
		}
		must(os.MkdirAll(filepath.Join(dir, ".github/workflows"), 0o777))
		must(os.WriteFile(filepath.Join(dir, ".github/workflows/image.yml"), []byte(workflow), 0o666))
		status, out = step(t, dir, script, append([]string{
			"INPUT_BINARY=reprodisk", "GITHUB_ACTIONS=true", "GITHUB_OUTPUT=" + filepath.Join(dir, "outputs"), "GITHUB_WORKSPACE=" + dir,
			"GITHUB_STEP_SUMMARY=" + filepath.Join(dir, "summary"), "GITHUB_WORKFLOW_REF=owner/repo/.github/workflows/image.yml@refs/heads/main",
			"CI_PROJECT_DIR=", "WORKSPACE=",
		}, inputs...)...)
		b, _ := os.ReadFile(filepath.Join(dir, "outputs"))
		return status, out, string(b), dir
	}
	t.Run("images", func(t *testing.T) {
		t.Parallel()
		status, out, outputs, dir := run(t, "INPUT_IMAGES=\n  first disk.img\n second.img \n", "INPUT_ARGS= --max-findings=3\n\n--no-policy\n")
		if status != 0 || !strings.Contains(outputs, "status=1\nreports="+dir+"/reprodisk-report\n") || !strings.Contains(out, "::error file=.github/workflows/image.yml,line=") {
			t.Errorf("exit status %d, outputs %q\n%s", status, outputs, out)
		}
		for _, name := range []string{"report.json", "report.sarif", "junit.xml", "comment.md", "report.html"} {
			if fi, err := os.Stat(filepath.Join(dir, "reprodisk-report", name)); err != nil || fi.Size() == 0 {
				t.Errorf("%s: %v", name, err)
			}
		}
		if !strings.Contains(readText(t, filepath.Join(dir, "summary")), "not reproducible: 1 cause") {
			t.Error("the summary does not say so")
		}
	})
	t.Run("command", func(t *testing.T) {
		t.Parallel()
		status, out, outputs, _ := run(t, `INPUT_COMMAND=truncate -s 64k "$out"`+"\necho built", "INPUT_STRICT=true")
		if status != 0 || !strings.HasPrefix(outputs, "status=0\n") || !strings.Contains(out, "::notice title=reprodisk::reproducible") {
			t.Errorf("exit status %d, outputs %q\n%s", status, outputs, out)
		}
	})
	t.Run("mistakes", func(t *testing.T) {
		t.Parallel()
		for _, inputs := range [][]string{
			{},
			{"INPUT_SPEC=a", "INPUT_COMMAND=b"},
			{"INPUT_IMAGES=one"},
			{"INPUT_SPEC=no-such.yaml"},
			{"INPUT_IMAGES=first disk.img\nsecond.img", "INPUT_POLICY=no-such.yaml"},
			{"INPUT_IMAGES=first disk.img\nsecond.img", "INPUT_ARGS=--frobnicate"},
		} {
			if status, out, outputs, _ := run(t, inputs...); status != 2 || outputs != "" {
				t.Errorf("%q: exit status %d, outputs %q\n%s", inputs, status, outputs, out)
			}
		}
	})
}

// TestGitLabTemplateRuns runs the template's script as GitLab's runner does.
func TestGitLabTemplateRuns(t *testing.T) {
	var template map[string]struct {
		Variables    map[string]string
		BeforeScript []string `yaml:"before_script"`
		Script       []string
		Artifacts    struct {
			Paths   []string
			Reports map[string]string
		}
	}
	if err := yaml.Unmarshal([]byte(readText(t, gitlabFile)), &template); err != nil {
		t.Fatal(err)
	}
	job := template[".reprodisk"]
	run := func(t *testing.T, more ...string) (status int, out, dir string) {
		dir = twoImages(t)
		script := filepath.Join(dir, "script")
		if err := os.WriteFile(script, []byte(strings.Join(append(job.BeforeScript, job.Script...), "\n")), 0o666); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, ".gitlab-ci.yml"), []byte("image:\n  script: mkfs.ext4 x\n"), 0o666); err != nil {
			t.Fatal(err)
		}
		env := []string{"CI_PROJECT_DIR=" + dir, "GITHUB_WORKSPACE=", "WORKSPACE="}
		for name, value := range job.Variables {
			env = append(env, name+"="+value)
		}
		status, out = step(t, dir, script, append(env, more...)...)
		return status, out, dir
	}
	t.Run("images", func(t *testing.T) {
		t.Parallel()
		status, out, dir := run(t, "REPRODISK_IMAGES=second.img second.img")
		if status != 0 {
			t.Errorf("exit status %d\n%s", status, out)
		}
		for kind, file := range job.Artifacts.Reports {
			if fi, err := os.Stat(filepath.Join(dir, file)); err != nil || fi.Size() == 0 {
				t.Errorf("%s: %v", kind, err)
			}
		}
	})
	t.Run("command", func(t *testing.T) {
		t.Parallel()
		status, out, dir := run(t, `REPRODISK_COMMAND=truncate -s 64k "$out"; date +%N >>"$out"`)
		if status != 1 {
			t.Errorf("exit status %d\n%s", status, out)
		}
		var issues []struct {
			Location struct {
				Path  string
				Lines struct{ Begin int }
			}
		}
		if err := json.Unmarshal([]byte(readText(t, filepath.Join(dir, job.Artifacts.Reports["codequality"]))), &issues); err != nil {
			t.Fatal(err)
		}
		if len(issues) == 0 || issues[0].Location.Path != ".gitlab-ci.yml" {
			t.Errorf("%+v", issues)
		}
	})
	t.Run("trouble", func(t *testing.T) {
		t.Parallel()
		if status, out, _ := run(t, "REPRODISK_SPEC=no-such.yaml"); status != 2 {
			t.Errorf("exit status %d\n%s", status, out)
		}
	})
}
