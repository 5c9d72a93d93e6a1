package document

import (
	"strings"
	"testing"
)

func TestBothLanguagesGiveTheSameValues(t *testing.T) {
	for _, c := range [][2]string{
		{"a: 1\nb: [x, true, null]\n", `{"a": 1, "b": ["x", true, null]}`},
		{"a: {b: {c: \"1\"}}\n", `{"a": {"b": {"c": "1"}}}`},
	} {
		yaml, err := Read("a.yaml", []byte(c[0]), "policy", "{}")
		if err != nil {
			t.Fatal(err)
		}
		json, err := Read("a.json", []byte(c[1]), "policy", "{}")
		if err != nil {
			t.Fatal(err)
		}
		if show(yaml) != show(json) {
			t.Errorf("%s\n%s", show(yaml), show(json))
		}
	}
}

// show is a value without its places.
func show(n Node) string {
	var parts []string
	for _, item := range n.Items {
		parts = append(parts, show(item))
	}
	for _, p := range n.Pairs {
		parts = append(parts, p.Key+"="+show(p.Value))
	}
	return n.Kind.String() + " " + n.Text + " (" + strings.Join(parts, "; ") + ")"
}

func TestErrorsSayWhere(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "p.yaml: is empty; the smallest policy is {}",
		"# nothing\n":                  "p.yaml: is empty; the smallest policy is {}",
		"- a":                          "p.yaml:1:1: a policy is a mapping of options, not a list",
		"a: 1\n---\nb: 2\n":            "p.yaml:3:1: a second document: a policy is one document",
		"a: !!int 1":                   "p.yaml:1:4: the tag !!int: a policy has no tags; quote a value to make it text",
		"a: *b":                        "p.yaml:1:4: no anchor &b stands before the alias *b",
		"a: \xff":                      "p.yaml:1: byte 0xff at offset 3 is not UTF-8 text",
		strings.Repeat("[", 100):       "p.yaml:1:33: nested deeper than 32 levels",
		strings.Repeat("a", maxSize+1): "p.yaml: longer than 1 MiB, which no policy is",
	} {
		if _, err := Read("p.yaml", []byte(text), "policy", "{}"); err == nil || err.Error() != want {
			t.Errorf("%.40q: %v, want %s", text, err, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{"a: 1", `{"a": [1, {}]}`, "a: &a [*a]", "? - a\n: b", "[[[[", "a: >-\n  b", "%YAML 1.2\n---\na: b\n...\n"} {
		f.Add("s.yaml", []byte(s))
		f.Add("s.json", []byte(s))
	}
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		n, err := Read(name, data, "policy", "{}")
		if err == nil && n.Kind != Map {
			t.Fatalf("%q is %s", data, n.Kind)
		}
		if e, ok := err.(*Error); err != nil && (!ok || strings.Contains(e.Msg, "\n") && !strings.Contains(string(data), "\r")) {
			t.Fatalf("%T %q", err, err)
		}
	})
}
