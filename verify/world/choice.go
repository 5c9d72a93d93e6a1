package world

import (
	"fmt"
	"slices"
	"strings"
)

// Choice is which parts of the world are to differ between two builds.
type Choice struct {
	Vary  []Name // in order of Names
	Named []Name // of them, asked for by name: what cannot be made is an error
	// Hold are the parts that must not differ, because somebody took them out by
	// name, or named all that may: they are given the same value in both builds,
	// where they would differ by themselves.
	Hold []Name
}

// Parse reads the arguments of --vary, each a list of actions as reprotest has
// them, separated by commas or blanks and carried out in turn:
//
//	+NAME, NAME, @NAME   vary that as well
//	-NAME                do not vary that
//	all, +all            vary everything
//	none, -all           vary nothing
//
// An argument that begins with = names all that is to be varied. The first
// action changes the list def.
func Parse(args []string, def []Name) (Choice, error) {
	on, named, out := set(def), map[Name]bool{}, map[Name]bool{}
	exact := false
	for _, arg := range args {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(arg), "="); ok {
			arg = "none," + rest
		}
		for _, action := range strings.FieldsFunc(arg, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' }) {
			sign, name := byte('+'), action
			if strings.IndexByte("+-@", action[0]) >= 0 {
				sign, name = action[0], action[1:]
			}
			switch {
			case name == "none" && sign != '-', name == "all" && sign == '-':
				clear(on)
				clear(named)
				exact = true
				continue
			case name == "all":
				on, exact = set(Names()), false
				clear(out)
				continue
			}
			n, err := lookUp(name)
			if err != nil {
				return Choice{}, err
			}
			if sign == '-' {
				delete(on, n)
				delete(named, n)
				out[n] = true
			} else {
				on[n], named[n] = true, true
				delete(out, n)
			}
		}
	}
	if exact && len(on) > 0 {
		for _, n := range Names() {
			out[n] = !on[n]
		}
	}
	return Choice{Vary: sorted(on), Named: sorted(named), Hold: sorted(out)}, nil
}

func set(names []Name) map[Name]bool {
	m := map[Name]bool{}
	for _, n := range names {
		m[n] = true
	}
	return m
}

// sorted gives the members of a set in order of Names.
func sorted(m map[Name]bool) []Name {
	var out []Name
	for _, n := range Names() {
		if m[n] {
			out = append(out, n)
		}
	}
	return out
}

// lookUp finds a variation by its name.
func lookUp(name string) (Name, error) {
	if slices.Contains(Names(), Name(name)) {
		return Name(name), nil
	}
	if base, _, ok := strings.Cut(name, "."); ok && slices.Contains(Names(), Name(base)) {
		return "", fmt.Errorf("%s: variations take no parameters here; %s alone varies it", name, base)
	}
	if near := nearest(name); near != "" {
		return "", fmt.Errorf("there is no variation %q, did you mean %q?", name, near)
	}
	list := make([]string, 0, len(Names()))
	for _, n := range Names() {
		list = append(list, string(n))
	}
	return "", fmt.Errorf("there is no variation %q; there are %s", name, strings.Join(list, ", "))
}

// known maps what people call a part of the world to its name.
var known = map[string]Name{
	"clock": Time, "date": Time, "tz": Timezone, "zone": Timezone, "lang": LocaleName, "locales": LocaleName,
	"env": Environment, "path": BuildPath, "cwd": BuildPath, "builddir": BuildPath, "user": UserGroup, "group": UserGroup, "uid": UserGroup,
	"host": DomainHost, "hostname": DomainHost, "domain": DomainHost, "readdir": FileOrdering, "order": FileOrdering,
	"cpu": NumCPUs, "cpus": NumCPUs, "nproc": NumCPUs, "uname": KernelName, "entropy": RandomName, "randomness": RandomName, "seed": RandomName,
	"pids": PID, "ram": Memory, "fs": FilesystemOf, "ctime": InputTimesOf, "atime": InputTimesOf, "mtime": InputTimesOf,
}

// nearest is the name that somebody most likely meant; empty where none is
// near.
func nearest(name string) Name {
	plain := strings.ToLower(strings.ReplaceAll(name, "-", "_"))
	if n, ok := known[plain]; ok {
		return n
	}
	best, least := Name(""), 1+len(plain)/3
	for _, n := range Names() {
		if d := distance(plain, string(n)); d <= least {
			best, least = n, d-1
		}
		if len(plain) >= 3 && strings.HasPrefix(string(n), plain) {
			return n
		}
	}
	return best
}

// distance is how many letters have to be added, taken away or changed to make
// b of a.
func distance(a, b string) int {
	if len(a) > 64 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
