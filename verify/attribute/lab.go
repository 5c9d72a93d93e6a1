package attribute

import (
	"context"
	"encoding/json"

	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/world"
)

// Lab builds and compares. Its methods may be called at the same time, as often
// as Plan.Parallel says.
type Lab interface {
	// Build builds once. A build that fails is a *Failure; any other error ends
	// the search. watch asks what the build asked the system about.
	Build(ctx context.Context, w world.World, watch bool) (*Output, error)
	// Compare compares two outputs, which may be large: equal digests are not
	// compared.
	Compare(ctx context.Context, a, b *Output) (*report.Report, error)
	// Discard is called once for each output, when it is not needed any more.
	Discard(o *Output)
}

// Output is what a build left.
type Output struct {
	Digest string       // of all that a comparison looks at
	Path   string       // for the Lab's own use
	Asked  []world.Name // what the build asked the system about, where it was watched
}

// Failure is a build that failed in the world it was given.
type Failure struct {
	Why string // a few words: "exit status 1"
}

func (f *Failure) Error() string { return f.Why }

// Candidate is a part of the pinned world and its other value.
type Candidate struct {
	Name  world.Name
	World world.World // the pinned world with that part varied
	Value string      // for a person
	Skip  string      // why it cannot be varied; empty where it can
}

// Plan says what to find out, and how much may be built for it.
type Plan struct {
	Base       world.World // the pinned world
	Candidates []Candidate // in the order of world.Names
	// Watched are the parts of the world about which the Lab knows whether a
	// build asks. Those it does not ask about are not varied.
	Watched []world.Name
	// MaxBuilds bounds the builds; 0 stands for DefaultMaxBuilds.
	MaxBuilds int
	Parallel  int // builds at the same time; 0 stands for 1
	// Progress is told what is tried. It is called by one goroutine at a time.
	Progress func(stage string)
}

// DefaultMaxBuilds is enough for a builder that follows half of all variations.
const DefaultMaxBuilds = 80

// key tells worlds apart.
func key(w world.World) string {
	b, err := json.Marshal(w)
	if err != nil {
		panic(err) // plain data
	}
	return string(b)
}
