package html

import (
	"github.com/reprodisk/reprodisk/report"
)

// world is how the images were built, and what varying something has shown.
type world struct {
	Sentence   string      `json:"sentence"`
	Facts      [][2]string `json:"facts"`      // a name and what is said of it
	Variations [][5]string `json:"variations"` // name, A, B, "varied" or nothing, why
	Controls   int         `json:"controls"`
	Races      []int       `json:"races"`
	Trials     []trial     `json:"trials"`
	Results    [][3]string `json:"results"` // digest, how often, which runs
	Note       string      `json:"note"`
}

// trial is a column of the matrix.
type trial struct {
	Name     string `json:"name"`
	Value    string `json:"value,omitempty"`
	Outcome  string `json:"outcome"`
	Why      string `json:"why,omitempty"`
	Builds   int    `json:"builds"`
	Findings []int  `json:"findings"`
}

func newWorld(r *report.Report, numbers map[string]int) *world {
	v := r.Verification
	if v == nil {
		return nil
	}
	w := &world{
		Sentence: v.Sentence(), Facts: facts(v),
		Variations: [][5]string{}, Races: []int{}, Trials: []trial{}, Results: [][3]string{},
	}
	for _, x := range v.Variations {
		varied := ""
		if x.Varied {
			varied = "varied"
		}
		w.Variations = append(w.Variations, [5]string{
			report.Visible(x.Name), report.Visible(x.A), report.Visible(x.B), varied, report.Visible(x.Why),
		})
	}
	if a := v.Attribution; a != nil {
		w.Controls = a.Controls
		w.Races = places(a.Races, numbers)
		for _, t := range a.Trials {
			w.Trials = append(w.Trials, trial{
				Name: report.Visible(joinedBy(" + ", t.Variations)), Value: report.Visible(t.Value),
				Outcome: report.Visible(string(t.Outcome)), Why: report.Visible(t.Why), Builds: t.Builds,
				Findings: places(t.Findings, numbers),
			})
		}
	}
	if p := v.Repeat; p != nil {
		for _, x := range p.Results {
			w.Results = append(w.Results, [3]string{report.Visible(x.Digest), report.Commas(int64(x.Count)), runs(x.Runs)})
		}
		w.Note = report.Visible(p.Note)
	}
	return w
}

// places are those of the findings with the given ids; ids that the report
// does not have are passed over.
func places(ids []string, numbers map[string]int) []int {
	out := []int{}
	for _, id := range ids {
		if n, ok := numbers[id]; ok {
			out = append(out, n)
		}
	}
	return out
}
