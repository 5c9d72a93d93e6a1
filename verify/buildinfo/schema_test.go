package buildinfo

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	generator "github.com/invopop/jsonschema"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/reprodisk/reprodisk/verify/world"
)

var update = flag.Bool("update", false, "write schema.json anew")

func generate(t *testing.T) []byte {
	t.Helper()
	r := &generator.Reflector{AllowAdditionalProperties: true, Mapper: func(typ reflect.Type) *generator.Schema {
		if typ == reflect.TypeFor[time.Duration]() {
			return &generator.Schema{Type: "integer", Description: "nanoseconds"}
		}
		return nil
	}}
	for _, dir := range []string{"./", "../world"} {
		if err := r.AddGoComments("github.com/reprodisk/reprodisk/verify/buildinfo", dir); err != nil {
			t.Fatal(err)
		}
	}
	s := r.Reflect(&Info{})
	s.ID = ""
	s.Title = Schema
	version, _ := s.Definitions["Info"].Properties.Get("schema")
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
		t.Errorf("schema.json is out of date; go test ./verify/buildinfo -update writes it\n%s", d)
	}
}

func sample() *Info {
	other, _ := world.Vary(world.Pinned(world.DefaultStart), world.Time, world.Machine{})
	return &Info{
		Schema: Schema, Tool: Tool{Name: "reprodisk", Version: "1"}, Command: []string{"sh", "-c", "true"}, Program: "/bin/sh", Dir: "/src", Level: "isolated",
		Builds: []Build{
			{Name: "first", World: world.Pinned(world.DefaultStart), Digest: "sha256:00", Log: "ok\n", Begun: time.Unix(1e9, 0).UTC()},
			{Name: "second", World: other, Digest: "sha256:01", NotApplied: map[world.Name]string{world.Load: "no"}},
		},
		Inputs: []Input{{Path: "/bin/sh", Digest: "sha256:02", Size: 3}},
	}
}

func TestEvidenceComesBackTheSame(t *testing.T) {
	var b bytes.Buffer
	if err := Write(&b, sample()); err != nil {
		t.Fatal(err)
	}
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
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Validate(v); err != nil {
		t.Error(err)
	}
	back, err := Read(&b)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(sample(), back); d != "" {
		t.Error(d)
	}
}

func TestWhatIsNoEvidenceIsRefused(t *testing.T) {
	var b bytes.Buffer
	if err := Write(&b, sample()); err != nil {
		t.Fatal(err)
	}
	good := b.String()
	for _, c := range [][2]string{
		{Schema, "reprodisk-buildinfo/0"},
		{`"/src"`, `"src"`},
		{`"dir": "/src",`, ``},
		{`"/bin/sh",`, `"sh",`},
		{`"command"`, `"spec": "/x.yaml", "command"`},
		{`"sh",`, `"s\u0000h",`},
		{`"builds": [`, `"builds": {`},
		{`{`, ``},
	} {
		bad := strings.Replace(good, c[0], c[1], 1)
		if bad == good {
			t.Fatalf("%s is not in the sample", c[0])
		}
		if _, err := Read(strings.NewReader(bad)); err == nil {
			t.Errorf("accepted: %s", c[1])
		} else if strings.Contains(err.Error(), "\n") {
			t.Errorf("%q has several lines", err)
		}
	}
}

func FuzzRead(f *testing.F) {
	var b bytes.Buffer
	if err := Write(&b, sample()); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte(`{"schema":"reprodisk-buildinfo/1"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		i, err := Read(bytes.NewReader(b))
		if err != nil {
			return
		}
		var out bytes.Buffer
		if err := Write(&out, i); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(&out); err != nil {
			t.Errorf("what was read and written is refused: %v", err)
		}
	})
}
