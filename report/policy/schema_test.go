package policy

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/reprodisk/reprodisk/report"
)

// TestEditorsKnowTheLanguage: what the schema takes and refuses is what Parse
// takes and refuses.
func TestEditorsKnowTheLanguage(t *testing.T) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(JSONSchema()))
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
	for _, text := range []string{
		whole, "allow: []", "allow:", "strict: false",
		"allow: [{field: x, reason: y}]", "allow: [{range: [1, 0x2, 3+4], reason: y}]", "allow: [{partition: 0, reason: y}]",
		"allow: [{field: x}]", "allow: [{reason: y}]", "allow: [{field: x, reason: TODO}]", "allow: [{field: x, reason: todo later}]", "alow: []", "version: 2",
		"allow: [{field: [], reason: y}]", "allow: [{partition: ESP, reason: y}]", "allow: [{partition: {}, reason: y}]",
		"allow: [{partition: {nmae: x}, reason: y}]", "allow: [{partition: -1, reason: y}]", "allow: [{range: 1k, reason: y}]",
		"allow: [{cause: tiem, reason: y}]", "allow: [{field: x, reason: y, expires: soon}]", "allow: [{feild: x, cause: time, reason: y}]",
		"allow: {field: x}", "strict: 1", "allow: [{field: {a: b}, reason: y}]",
	} {
		var v any
		if err := yaml.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		v, err = jsonschema.UnmarshalJSON(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		_, parsed := Parse("p.yaml", []byte(text))
		if valid := s.Validate(v); (valid == nil) != (parsed == nil) {
			t.Errorf("%s\nthe schema says: %v\nthe program says: %v", text, valid, parsed)
		}
	}
}

// TestSchemaNamesEveryCause of a report.
func TestSchemaNamesEveryCause(t *testing.T) {
	var s struct {
		Defs struct {
			Cause struct{ Enum []report.Cause }
		} `json:"$defs"`
	}
	if err := json.Unmarshal(JSONSchema(), &s); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(report.Causes(), s.Defs.Cause.Enum); d != "" {
		t.Error(d)
	}
	if !strings.HasSuffix(string(JSONSchema()), "}\n") {
		t.Error("no newline at the end")
	}
}
