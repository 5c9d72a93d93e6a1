package world

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

var machines = map[string]Machine{
	"root": {
		Now: time.Date(2026, 11, 26, 0, 30, 0, 0, time.UTC), CPUs: 2, Umask: 0o022, ASLR: true, Memory: 8 << 30, Home: "/root",
		Host: Host{Name: "vm", Domain: "(none)"}, Kernel: Kernel{Release: "6.18.44", Version: "#1 SMP"}, Locales: []string{"C.utf8"},
	},
	"user": {
		CPUs: 8, Umask: 0o002, ASLR: true, Memory: 8 << 30, User: User{Name: "ada", UID: 4321, GID: 4322}, Timezone: "PST8PDT",
		Locale: Locale{Lang: "en_US.UTF-8"}, Locales: []string{"C.utf8", "de_DE.utf8", "en_US.utf8"},
	},
	"bare": {CPUs: 1, Umask: 0o077},
	"read": ReadMachine(),
}

// TestEveryVariationChangesItsPartAlone: from the machine's world, from the
// pinned one, and from one that is varied already.
func TestEveryVariationChangesItsPartAlone(t *testing.T) {
	for name, m := range machines {
		pinned := Pinned(DefaultStart)
		for _, n := range Names() {
			for _, w := range []World{{}, pinned} {
				v, err := Vary(w, n, m)
				if err != nil {
					if (n == NumCPUs && m.CPUs == 1) || (n == Memory && m.Memory == 0) || (n == ASLRName && !m.ASLR) {
						continue
					}
					t.Errorf("%s: %s: %v", name, n, err)
					continue
				}
				if Describe(n, v, m) == Describe(n, w, m) {
					t.Errorf("%s: %s is %q before and after", name, n, Describe(n, w, m))
				}
				if !reflect.DeepEqual(with(v, n, w), w) {
					t.Errorf("%s: %s changes more than its part: %+v", name, n, v)
				}
				again, err := Vary(v, n, m)
				if err != nil || Describe(n, again, m) == Describe(n, v, m) {
					t.Errorf("%s: %s varied twice is %q both times (%v)", name, n, Describe(n, v, m), err)
				}
			}
		}
	}
}

// TestAVariedWorldKeepsTheOtherUnchanged: lists are not shared.
func TestAVariedWorldKeepsTheOtherUnchanged(t *testing.T) {
	base := World{Environment: make([]string, 0, 4)}
	a, _ := Vary(base, Environment, Machine{})
	b := with(a, Environment, World{Environment: append(slices.Clip(base.Environment), "X=y")})
	if a.Environment[0] == b.Environment[0] {
		t.Errorf("%v and %v share their list", a.Environment, b.Environment)
	}
}

func TestNaturalPairsDiffer(t *testing.T) {
	m := machines["root"]
	for _, n := range Names() {
		a, b, err := Natural(World{}, World{}, n, m)
		if err != nil {
			t.Fatal(err)
		}
		if !BySelf(n) && reflect.DeepEqual(a, b) {
			t.Errorf("%s: both worlds are %+v", n, a)
		}
	}
}

func TestAPinnedWorldLeavesNothingToTheMachine(t *testing.T) {
	p := Pinned(DefaultStart)
	for _, n := range Names() {
		switch n {
		case Environment, ExecPath, UserGroup, InodesName, Load: // the zero value is one that holds everywhere
			continue
		}
		if reflect.DeepEqual(with(p, n, World{}), p) {
			t.Errorf("%s is the machine's", n)
		}
	}
	a, b := Pinned(DefaultStart), Pinned(DefaultStart)
	if ja, _ := json.Marshal(a); ja == nil || !reflect.DeepEqual(a, b) {
		t.Error("two pinned worlds differ")
	}
}

func TestDefaultLeavesOutWhatHurts(t *testing.T) {
	root, user := Default(machines["root"]), Default(machines["user"])
	if slices.Contains(root, UserGroup) || !slices.Contains(user, UserGroup) {
		t.Errorf("for root %v, for a user %v", root, user)
	}
	if slices.Contains(user, Load) {
		t.Error("load is made by default")
	}
}

func TestChoices(t *testing.T) {
	def := []Name{Time, Timezone, Umask}
	rest := func(but ...Name) (out []Name) {
		for _, n := range Names() {
			if !slices.Contains(but, n) {
				out = append(out, n)
			}
		}
		return out
	}
	for _, c := range []struct {
		args              []string
		vary, named, hold []Name
	}{
		{nil, def, nil, nil},
		{[]string{"+load"}, []Name{Time, Timezone, Umask, Load}, []Name{Load}, nil},
		{[]string{"load,-time"}, []Name{Timezone, Umask, Load}, []Name{Load}, []Name{Time}},
		{[]string{"@umask, -timezone"}, []Name{Time, Umask}, []Name{Umask}, []Name{Timezone}},
		{[]string{"-time", "+time"}, def, []Name{Time}, nil},
		{[]string{"none"}, nil, nil, nil},
		{[]string{"-all"}, nil, nil, nil},
		{[]string{"-all,+time"}, []Name{Time}, []Name{Time}, rest(Time)},
		{[]string{"none time"}, []Name{Time}, []Name{Time}, rest(Time)},
		{[]string{"=random,time"}, []Name{Time, RandomName}, []Name{Time, RandomName}, rest(Time, RandomName)},
		{[]string{"all"}, Names(), nil, nil},
		{[]string{"all,-kernel"}, rest(KernelName), nil, []Name{KernelName}},
		{[]string{"none", "all"}, Names(), nil, nil},
	} {
		got, err := Parse(c.args, def)
		if err != nil || !slices.Equal(got.Vary, c.vary) || !slices.Equal(got.Named, c.named) || !slices.Equal(got.Hold, c.hold) {
			t.Errorf("%q: %+v, %v", c.args, got, err)
		}
	}
}

func TestUnknownNamesAreAnswered(t *testing.T) {
	for arg, want := range map[string]string{
		"tmie":                     `did you mean "time"?`,
		"file_ordering":            `did you mean "fileordering"?`,
		"hostname":                 `did you mean "domain_host"?`,
		"-cpus":                    `did you mean "num_cpus"?`,
		"input":                    `did you mean "input_times"?`,
		"weather":                  "there are time, timezone",
		"time.faketimes=x":         "no parameters",
		"+":                        "there is no variation",
		"=ti me":                   "there is no variation",
		strings.Repeat("x", 1<<16): "there is no variation",
	} {
		if _, err := Parse([]string{arg}, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v", arg, err)
		}
	}
}

func TestStartFrom(t *testing.T) {
	if got, err := StartFrom(""); err != nil || got != DefaultStart {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := StartFrom("86400"); err != nil || got.Unix() != 86400 {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"x", "-1", "1e9", "99999999999999999"} {
		if _, err := StartFrom(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func TestWhatAnOffsetLooksLike(t *testing.T) {
	for d, want := range map[time.Duration]string{
		clockShift: "400d5h17m23s ahead", 0: "0s ahead", -time.Hour: "1h0m0s back", 48 * time.Hour: "2d ahead",
	} {
		if got := shift(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}

// TestInstalledLocalesAreThoseOfLocale compares with what glibc's own program
// lists.
func TestInstalledLocalesAreThoseOfLocale(t *testing.T) {
	out, err := exec.Command("locale", "-a").Output()
	if err != nil {
		t.Skipf("locale: %v", err)
	}
	for _, name := range strings.Fields(string(out)) {
		if name == "C" || name == "POSIX" || !strings.Contains(name, ".") {
			continue // built in, or another name for one that is in the list
		}
		if !slices.ContainsFunc(ReadMachine().Locales, func(s string) bool {
			return strings.EqualFold(strings.ReplaceAll(s, "-", ""), strings.ReplaceAll(name, "-", ""))
		}) {
			t.Errorf("%s is missing in %v", name, ReadMachine().Locales)
		}
	}
}

func TestAnArchiveThatIsNoneHasNoLocales(t *testing.T) {
	path := filepath.Join(t.TempDir(), "locale-archive")
	for _, b := range []string{"", "\x09\x01\x02\xde", "\x09\x01\x02\xde" + strings.Repeat("\xff", 100)} {
		if err := os.WriteFile(path, []byte(b), 0o666); err != nil {
			t.Fatal(err)
		}
		if got := archivedLocales(path); len(got) > 0 {
			t.Errorf("%q has %v", b, got)
		}
	}
}
