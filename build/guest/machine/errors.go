package machine

import (
	"fmt"
	"strings"
)

// Ending is how a machine ended that did not do its job.
type Ending string

// The endings.
const (
	Failed   Ending = "failed"   // the guest says that a step failed
	Panicked Ending = "panicked" // its kernel did
	Hung     Ending = "hung"     // nothing moved for too long
	NotReady Ending = "not ready"
	Ended    Ending = "ended"   // QEMU did, or was killed
	Stopped  Ending = "stopped" // QEMU runs, and the machine does not
	Off      Ending = "off"     // the guest turned the machine off before it was done
	Garbled  Ending = "garbled" // the guest sent what is no event
)

// Error is the end of a machine that did not do its job.
type Error struct {
	Ending Ending
	Step   string // that the guest was in; empty: none yet
	Text   string // what happened
	Memory bool   // the guest had too little memory

	// Said are the last lines, cleaned: of the step's output where the guest
	// says that it failed, else of the console.
	Said []string
}

// Error is one line.
func (e *Error) Error() string {
	var s strings.Builder
	s.WriteString("guest: ")
	if e.Step != "" {
		fmt.Fprintf(&s, "%s: ", e.Step)
	}
	s.WriteString(e.Text)
	if e.Memory {
		s.WriteString("; the guest ran out of memory: give it more with memSize")
	}
	if len(e.Said) > 0 {
		fmt.Fprintf(&s, " (it said last: %s)", strings.Join(e.Said, " | "))
	}
	return s.String()
}

// MissingError says that a program of the host's is not installed.
type MissingError struct {
	Program string
	Debian  string // the package that has it
	Nix     string // its attribute in nixpkgs; empty: there is none
}

func (e *MissingError) Error() string {
	s := fmt.Sprintf("%s is missing: apt-get install %s", e.Program, e.Debian)
	if e.Nix != "" {
		s += ", or with Nix: nix-env -iA nixpkgs." + e.Nix
	}
	return s
}
