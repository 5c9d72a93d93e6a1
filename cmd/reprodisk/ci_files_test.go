package main

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/reprodisk/reprodisk/internal/judge"
)

// The files for CI that the repository offers.
const (
	actionFile   = "../../.github/actions/reprodisk/action.yml"
	actionScript = "../../.github/actions/reprodisk/run.sh"
	gitlabFile   = "../../.gitlab/reprodisk.yml"
	ciPage       = "../../docs/ci.md"
)

func readText(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// fenced are the code blocks of a Markdown page, by language.
func fenced(page string) map[string][]string {
	out := map[string][]string{}
	for _, m := range regexp.MustCompile("(?ms)^```([a-z]+)\n(.*?)^```$").FindAllStringSubmatch(page, -1) {
		out[m[1]] = append(out[m[1]], m[2])
	}
	return out
}

// ciYAML is every YAML document that is offered, parsed, by where it stands.
func ciYAML(t *testing.T) map[string]any {
	t.Helper()
	texts := map[string]string{"action.yml": readText(t, actionFile), "GitLab's template": readText(t, gitlabFile)}
	for i, block := range fenced(readText(t, ciPage))["yaml"] {
		texts[fmt.Sprintf("docs/ci.md, block %d", i+1)] = block
	}
	out := map[string]any{}
	for name, text := range texts {
		var v any
		if err := yaml.Unmarshal([]byte(text), &v); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		out[name] = v
	}
	return out
}

// ciScripts is every shell script that is offered, by where it stands: files,
// what a YAML document has below run, script and command, and a page's blocks.
func ciScripts(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{"run.sh": readText(t, actionScript), "install.sh": readText(t, filepath.Join(filepath.Dir(actionScript), "install.sh"))}
	add := func(name, text string) { out[fmt.Sprintf("%s, script %d", name, len(out))] = text }
	var walk func(name, key string, v any)
	walk = func(name, key string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, k := range slices.Sorted(maps.Keys(v)) {
				walk(name, k, v[k])
			}
		case []any:
			for _, x := range v {
				walk(name, key, x)
			}
		case string:
			if slices.Contains([]string{"run", "script", "before_script", "command", "REPRODISK_COMMAND"}, key) && v != "" {
				add(name, v)
			}
		}
	}
	for name, v := range ciYAML(t) {
		walk(name, "", v)
	}
	blocks := fenced(readText(t, ciPage))
	for _, text := range blocks["sh"] {
		add("docs/ci.md", text)
	}
	for _, text := range blocks["groovy"] {
		for _, m := range regexp.MustCompile(`(?s)'''(.*?)'''`).FindAllStringSubmatch(text, -1) {
			add("docs/ci.md, Jenkinsfile", m[1])
		}
	}
	return out
}

func TestCIScriptsAreShell(t *testing.T) {
	dir := t.TempDir()
	scripts := ciScripts(t)
	if len(scripts) < 12 {
		t.Errorf("only %d scripts were found", len(scripts))
	}
	args := []string{"--shell=sh", "--severity=warning"}
	for name, text := range scripts {
		file := filepath.Join(dir, strings.NewReplacer("/", "_", " ", "_").Replace(name))
		// Forges put values in before a shell sees the script.
		text = regexp.MustCompile(`\$\{\{.*?\}\}`).ReplaceAllString(text, "value")
		if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("sh", "-n", file).CombinedOutput(); err != nil {
			t.Errorf("%s: %s", name, out)
		}
		if strings.HasSuffix(name, ".sh") {
			args = append(args, file)
		}
	}
	judge.Must(t, "shellcheck", args...)
}

// TestCIScriptsUseFlagsThatExist looks every flag up that a script gives the
// program.
func TestCIScriptsUseFlagsThatExist(t *testing.T) {
	root := (&app{}).rootCommand()
	call := regexp.MustCompile(`(?:reprodisk|"\$program") (verify|diff|report)\b(.*)`)
	flag := regexp.MustCompile(`(?:^|\s)--([a-z][a-z-]*)`)
	checked := map[string]bool{}
	check := func(name, command, text string) {
		cmd, _, err := root.Find([]string{command})
		if err != nil {
			t.Fatal(err)
		}
		text, _, _ = strings.Cut(text, " -- ")
		for _, m := range flag.FindAllStringSubmatch(text, -1) {
			checked[m[1]] = true
			if cmd.Flags().Lookup(m[1]) == nil && root.PersistentFlags().Lookup(m[1]) == nil {
				t.Errorf("%s: %s has no flag --%s", name, command, m[1])
			}
		}
	}
	for name, text := range ciScripts(t) {
		text = regexp.MustCompile(`\\\n\s*`).ReplaceAllString(text, " ")
		for _, line := range strings.Split(text, "\n") {
			if m := call.FindStringSubmatch(line); m != nil {
				check(name, m[1], m[2])
			} else if _, args, ok := strings.Cut(line, "set -- "); ok {
				check(name, "verify", args)
				check(name, "diff", args)
			}
		}
	}
	for _, args := range regexp.MustCompile(`(?m)^ +(--[a-z-]+)=`).FindAllStringSubmatch(readText(t, ciPage), -1) {
		check("docs/ci.md", "verify", args[1])
	}
	for _, must := range []string{"github", "sarif", "junit", "gitlab", "json", "markdown", "html", "source", "policy", "baseline", "strict", "diffoscope-json", "exclude"} {
		if !checked[must] {
			t.Errorf("no script gives --%s", must)
		}
	}
}

// TestActionIsWhole checks that what one part of the action refers to is there
// in the others.
func TestActionIsWhole(t *testing.T) {
	var action struct {
		Inputs  map[string]struct{ Description string }
		Outputs map[string]struct{ Value string }
		Runs    struct {
			Using string
			Steps []struct {
				Run, Shell, Uses, ID string
				Env                  map[string]string
			}
		}
	}
	text := readText(t, actionFile)
	if err := yaml.Unmarshal([]byte(text), &action); err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, m := range regexp.MustCompile(`\binputs\.([a-z-]+)`).FindAllStringSubmatch(text, -1) {
		used[m[1]] = true
		if action.Inputs[m[1]].Description == "" {
			t.Errorf("there is no input %s, or it is not explained", m[1])
		}
	}
	for name := range action.Inputs {
		if !used[name] {
			t.Errorf("the input %s is used nowhere", name)
		}
	}
	scripts := readText(t, actionScript) + readText(t, filepath.Join(filepath.Dir(actionScript), "install.sh"))
	set := map[string]bool{}
	for _, step := range action.Runs.Steps {
		for name := range step.Env {
			set[name] = true
			if !strings.Contains(scripts, name) {
				t.Errorf("no script reads %s", name)
			}
		}
		if step.Run != "" && step.Shell == "" {
			t.Errorf("a composite action's step has to name its shell: %s", step.Run)
		}
		// What stands in a script by ${{ }} is code to the shell.
		if strings.Contains(step.Run, "${{") {
			t.Errorf("an expression in a script: %s", step.Run)
		}
	}
	for _, m := range regexp.MustCompile(`\bINPUT_[A-Z_]+`).FindAllString(scripts, -1) {
		if !set[m] {
			t.Errorf("no step sets %s", m)
		}
	}
	for name, o := range action.Outputs {
		if o.Value != "${{ steps.compare.outputs."+name+" }}" || !strings.Contains(scripts, `echo "`+name+`=`) {
			t.Errorf("the output %s is not set", name)
		}
	}
	if action.Runs.Using != "composite" {
		t.Errorf("runs using %q", action.Runs.Using)
	}
	for _, name := range regexp.MustCompile(`\]\(\.\./([^)#]+)\)`).FindAllStringSubmatch(readText(t, ciPage), -1) {
		if _, err := os.Stat(filepath.Join("../..", name[1])); err != nil {
			t.Errorf("docs/ci.md links to %s, which is not there", name[1])
		}
	}
}
