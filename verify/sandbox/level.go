package sandbox

import "fmt"

// Level is how far a build is kept from the machine.
type Level string

// The levels, from the least to the most.
const (
	None       Level = "none"
	Supervised Level = "supervised"
	Isolated   Level = "isolated" // the default
	VM         Level = "vm"
)

// Levels lists the levels, from the least to the most.
func Levels() []Level { return []Level{None, Supervised, Isolated, VM} }

// Hides tells whether a build at the level has a root of its own, in which only
// what it is to see is, and the build folder is where the world says.
func (l Level) Hides() bool { return l == "" || l == Isolated || l == VM }

// ParseLevel finds a level by its name; the empty name is the default's.
func ParseLevel(name string) (Level, error) {
	switch l := Level(name); l {
	case "":
		return Isolated, nil
	case None, Supervised, Isolated, VM:
		return l, nil
	}
	return "", fmt.Errorf("sandbox %q: there is none, supervised, isolated and vm", name)
}
