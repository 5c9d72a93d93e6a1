package report

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	generator "github.com/invopop/jsonschema"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

var update = flag.Bool("update", false, "write schema.json and the golden files anew")

// generate makes the JSON Schema of the types and their comments.
func generate(t *testing.T) []byte {
	t.Helper()
	r := &generator.Reflector{
		// A later program may add names without a new version.
		AllowAdditionalProperties: true,
		Mapper: func(typ reflect.Type) *generator.Schema {
			switch typ {
			case reflect.TypeFor[Cause]():
				s := &generator.Schema{Type: "string"}
				for _, c := range Causes() {
					s.Enum = append(s.Enum, c)
				}
				return s
			case reflect.TypeFor[Verdict]():
				return &generator.Schema{Type: "string", Enum: []any{Reproducible, Unreproducible}}
			case reflect.TypeFor[RuleState]():
				s := &generator.Schema{Type: "string"}
				for _, state := range RuleStates() {
					s.Enum = append(s.Enum, state)
				}
				return s
			case reflect.TypeFor[Outcome]():
				s := &generator.Schema{Type: "string"}
				for _, o := range Outcomes() {
					s.Enum = append(s.Enum, o)
				}
				return s
			}
			return nil
		},
	}
	if err := r.AddGoComments("github.com/reprodisk/reprodisk/report", "./"); err != nil {
		t.Fatal(err)
	}
	s := r.Reflect(&Report{})
	s.ID = ""
	s.Title = Schema
	version, _ := s.Definitions["Report"].Properties.Get("schema")
	version.Const = Schema
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(b, '\n')
}

func TestSchemaIsThatOfTheTypes(t *testing.T) {
	want := generate(t)
	if *update {
		if err := os.WriteFile("schema.json", want, 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	if d := cmp.Diff(string(want), string(JSONSchema())); d != "" {
		t.Errorf("schema.json is out of date; go test ./report -update writes it\n%s", d)
	}
}

func TestSchemaDescribesEveryField(t *testing.T) {
	var s struct {
		Defs map[string]struct {
			Properties map[string]struct {
				Description string
				OneOf       []struct{ Description string }
			}
		} `json:"$defs"`
	}
	if err := json.Unmarshal(JSONSchema(), &s); err != nil {
		t.Fatal(err)
	}
	if len(s.Defs) < 18 {
		t.Errorf("%d definitions", len(s.Defs))
	}
	for typ, def := range s.Defs {
		for name, p := range def.Properties {
			if p.Description == "" && (len(p.OneOf) == 0 || p.OneOf[0].Description == "") {
				t.Errorf("%s.%s has no description", typ, name)
			}
		}
	}
}

func compileSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
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
	return s
}

func check(s *jsonschema.Schema, text string) error {
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return err
	}
	return s.Validate(v)
}

func TestEveryReportFollowsTheSchema(t *testing.T) {
	s := compileSchema(t)
	for name, r := range samples(t) {
		if err := check(s, toJSON(t, r)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSchemaRefusesWhatIsNoReport(t *testing.T) {
	s := compileSchema(t)
	good := toJSON(t, samples(t)["one"])
	for _, c := range [][2]string{
		{`"cause": "random"`, `"cause": "magic"`},
		{`"verdict": "unreproducible"`, `"verdict": "fine"`},
		{Schema, "reprodisk-report/0"},
		{`"bytes": 16`, `"bytes": -16`},
		{`"derived_from": []`, `"derived_from": null`},
		{`"root_findings": 1`, `"roots": 1`},
	} {
		bad := strings.Replace(good, c[0], c[1], 1)
		if bad == good {
			t.Fatalf("%s is not in the sample", c[0])
		}
		if check(s, bad) == nil {
			t.Errorf("accepted: %s", c[1])
		}
	}
	if err := check(s, strings.Replace(good, `"verdict"`, `"added_later": 1, "verdict"`, 1)); err != nil {
		t.Errorf("a name that was added: %v", err)
	}
}

func toJSON(t *testing.T, r *Report) string {
	t.Helper()
	var b strings.Builder
	if err := WriteJSON(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
