package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/reprodisk/reprodisk/report"
)

// Bounds on what one command may take, whatever its images hold.
const (
	maxSeconds   = 10
	maxKilobytes = 500 << 10
)

// Images that others have damaged, beside themselves with more damage and
// beside a neighbour, on either side: each command ends with a report that adds
// up or with one line that says why not, in bounded time and memory.
func TestDamagedImagesOfOthers(t *testing.T) {
	if testing.Short() {
		t.Skip("reads many images")
	}
	packed, _ := filepath.Glob("../../../shared/corpora/e2fsprogs/*.gz")
	containers, _ := filepath.Glob("../../../shared/corpora/containers/*")
	if len(packed) == 0 || len(containers) == 0 {
		t.Skip("../shared/corpora is absent")
	}
	rnd := rand.New(rand.NewPCG(3, 5))
	dir := t.TempDir()
	var images []string
	for i := 0; i < len(packed); i += 30 { // one of each thirty
		raw := filepath.Join(dir, strings.TrimSuffix(filepath.Base(packed[i]), ".gz"))
		unpackTo(t, raw, packed[i])
		images = append(images, raw)
	}
	images = append(images, containers...)
	for i, path := range images {
		t.Run(filepath.Base(path), func(t *testing.T) {
			image, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for range 1 << rnd.IntN(9) {
				image[rnd.IntN(min(len(image), 1<<(9+rnd.IntN(18))))] = byte(rnd.Uint32())
			}
			damaged := filepath.Join(dir, "damaged")
			if err := os.WriteFile(damaged, image, 0o666); err != nil {
				t.Fatal(err)
			}
			neighbour := images[(i+1)%len(images)]
			decent(t, "inspect", "-q", "--json", "--cross-check", damaged)
			decent(t, "split", "-q", "--list", damaged)
			if status, r := compareDecently(t, path, path); status == 1 {
				t.Errorf("the image differs from itself: %+v", r)
			}
			for _, pair := range [][2]string{{path, damaged}, {damaged, path}, {path, neighbour}, {neighbour, path}} {
				compareDecently(t, pair[0], pair[1])
			}
		})
	}
}

func unpackTo(t *testing.T, raw, packed string) {
	t.Helper()
	in, err := os.Open(packed)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	z, err := gzip.NewReader(in)
	if err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(raw)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if _, err := io.Copy(out, z); err != nil {
		t.Fatal(err)
	}
}

// compareDecently compares two images and checks that the report adds up.
func compareDecently(t *testing.T, a, b string) (status int, r *report.Report) {
	t.Helper()
	status, out := decent(t, "diff", "-q", "--json", "-", a, b)
	if status == 2 {
		return status, nil
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(out))
	if err != nil {
		t.Fatalf("%s, %s: %v", a, b, err)
	}
	if err := compiledSchema(t).Validate(doc); err != nil {
		t.Errorf("%s, %s: %v", a, b, err)
	}
	r, err = report.ReadJSON(bytes.NewReader(out))
	if err != nil {
		t.Fatalf("%s, %s: %v", a, b, err)
	}
	var sum int64
	for _, f := range r.Findings {
		sum += f.Bytes
	}
	if sum != r.DifferingBytes {
		t.Errorf("%s, %s: the findings own %d bytes of %d that differ", a, b, sum, r.DifferingBytes)
	}
	if r.A.Format == "raw" && r.B.Format == "raw" {
		if want := differingBytes(t, a, b); r.DifferingBytes != want {
			t.Errorf("%s, %s: %d bytes differ, the report has %d", a, b, want, r.DifferingBytes)
		}
	}
	return status, r
}

func differingBytes(t *testing.T, a, b string) int64 {
	t.Helper()
	x, errA := os.ReadFile(a)
	y, errB := os.ReadFile(b)
	if err := errors.Join(errA, errB); err != nil {
		t.Fatal(err)
	}
	var n int64
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			n++
		}
	}
	return n
}

// decent runs the program and checks how it ended.
func decent(t *testing.T, args ...string) (status int, stdout []byte) {
	t.Helper()
	cmd := exec.Command("reprodisk", args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatalf("%v: %v", args, err)
	}
	status = cmd.ProcessState.ExitCode()
	switch said := errs.String(); {
	case status < 0 || status > 2:
		t.Errorf("%v: status %d\n%s", args, status, said)
	case status == 2 && (strings.Count(said, "\n") != 1 || !strings.HasPrefix(said, "reprodisk: ")):
		t.Errorf("%v: not one line on standard error:\n%s", args, said)
	case status < 2 && said != "":
		t.Errorf("%v: status %d, yet on standard error:\n%s", args, status, said)
	}
	used := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if s := used.Utime.Sec + used.Stime.Sec; s >= maxSeconds {
		t.Errorf("%v: took %d s of processor time", args, s)
	}
	if used.Maxrss > maxKilobytes {
		t.Errorf("%v: took %d kB of memory", args, used.Maxrss)
	}
	return status, out.Bytes()
}

// compiledSchema is the schema of the reports.
func compiledSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(report.JSONSchema()))
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
