package report

// Verification is how the two images came about, where verify built them.
type Verification struct {
	Level       string       `json:"level"`                         // what kept the builds from the machine: none, supervised, isolated or vm
	Pinned      bool         `json:"pinned,omitempty"`              // both builds ran in the pinned world, which makes them agree
	Command     []string     `json:"command,omitempty"`             // the builder's command line, where it was one
	Spec        string       `json:"spec,omitempty"`                // the spec's path, where it was one
	SpecDigest  string       `json:"spec_digest,omitempty"`         // "sha256:…" of the spec's bytes
	Builds      int          `json:"builds" jsonschema:"minimum=0"` // how many builds there were in all
	Variations  []Variation  `json:"variations"`                    // both worlds: every variation there is, in a fixed order
	Attribution *Attribution `json:"attribution,omitempty"`         // which finding follows which variation, where that was tried
	Repeat      *Repeat      `json:"repeat,omitempty"`              // the distinct results of many builds, where there were more than two
	Asked       []string     `json:"asked,omitempty"`               // the variations about which some process of a build asked the system
	Evidence    string       `json:"evidence,omitempty"`            // where buildinfo.json lies, where it was kept
}

// Variation is one thing about a build's world that can be chosen, with its
// values in the two builds.
type Variation struct {
	Name   string `json:"name"`          // time, timezone, fileordering, …
	A      string `json:"a"`             // its value for the first build, for a person: "2020-01-01T00:00:00Z, frozen"
	B      string `json:"b"`             // its value for the second
	Varied bool   `json:"varied"`        // the two differed, by themselves or because they were made to
	Why    string `json:"why,omitempty"` // why not, where it was not varied: "not asked for", "needs level isolated", …; else what the variation leaves out
}

// Attribution is what building with one thing varied at a time has shown.
type Attribution struct {
	Controls int      `json:"controls" jsonschema:"minimum=0"` // builds in the pinned world that were compared with each other
	Races    []string `json:"races,omitempty"`                 // ids of findings that differ between builds in one and the same world: no variation makes them
	Trials   []Trial  `json:"trials"`                          // one for each variation that was tried or passed over
}

// Outcome is what varying something came to.
type Outcome string

const (
	TrialSame     Outcome = "same"     // nothing differs from the pinned world's result
	TrialDiffers  Outcome = "differs"  // something does, and did so again in a second build
	TrialUnstable Outcome = "unstable" // two builds in the same varied world differ from each other
	TrialSkipped  Outcome = "skipped"  // not built: Why says why
	TrialFailed   Outcome = "failed"   // the build failed in that world: Why says how
)

// Outcomes lists every outcome there is.
func Outcomes() []Outcome {
	return []Outcome{TrialSame, TrialDiffers, TrialUnstable, TrialSkipped, TrialFailed}
}

// Trial is one change of the pinned world: a row of the matrix of findings
// and variations.
type Trial struct {
	Variations []string `json:"variations"`                    // what was varied: one, or several where single ones showed nothing
	Value      string   `json:"value,omitempty"`               // the value that was tried, for a person
	Outcome    Outcome  `json:"outcome"`                       // what it came to
	Why        string   `json:"why,omitempty"`                 // a few words more, for a person
	Builds     int      `json:"builds" jsonschema:"minimum=0"` // how many builds it took
	Findings   []string `json:"findings,omitempty"`            // ids of this report's root findings that differed
}

// Repeat is the outcome of building the same many times.
type Repeat struct {
	Planned int      `json:"planned" jsonschema:"minimum=0"` // builds that were asked for
	Runs    int      `json:"runs" jsonschema:"minimum=0"`    // builds that were made
	Results []Result `json:"results"`                        // the distinct results, the most frequent first
	Note    string   `json:"note,omitempty"`                 // what the numbers say of the odds, for a person
}

// Result is one of the distinct results of many builds.
type Result struct {
	Digest string `json:"digest"`                       // "sha256:…" of the output
	Count  int    `json:"count" jsonschema:"minimum=1"` // how many builds gave it
	Runs   []int  `json:"runs"`                         // which ones, counted from 1
}
