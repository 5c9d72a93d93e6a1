package attest

import "github.com/reprodisk/reprodisk/report"

// PredicateType names the predicate, and with it the meaning of its fields.
// Names may be added to it; a change of meaning has another URI.
const PredicateType = "https://github.com/reprodisk/reprodisk/attestation/reproducible/v1"

// Result is what the comparison came to.
type Result string

const (
	Identical Result = "identical" // nothing differs, neither the disks nor what lies beside them
	Allowed   Result = "allowed"   // what differs may, by the policy: it is listed
)

// Results lists every result there is.
func Results() []Result { return []Result{Identical, Allowed} }

// Predicate is what is claimed of the subjects: that they were compared, how
// they had been built, and what came of it.
type Predicate struct {
	Result      Result       `json:"result"`                // what the comparison came to
	Compared    Compared     `json:"compared"`              // the two images, or folders of them
	Build       *Build       `json:"build,omitempty"`       // how they were built, where reprodisk built them
	Differences *Differences `json:"differences,omitempty"` // what differs although it counts as reproducible
	Policy      *Policy      `json:"policy,omitempty"`      // what the comparison was held against
	Tool        Tool         `json:"tool"`                  // the program that compared
	Warnings    []string     `json:"warnings,omitempty"`    // what could not be read, and what there is to say against the policy
}

// Compared is the two sides of a comparison.
type Compared struct {
	A Side `json:"a"` // the first
	B Side `json:"b"` // the second
}

// Side is one of the two images, or folders of them.
type Side struct {
	Name   string            `json:"name"`             // the path's last element
	Format string            `json:"format"`           // raw, qcow2, …, or directory
	Size   int64             `json:"size"`             // bytes of the virtual disk, or of the folder's files
	Disk   map[string]string `json:"disk,omitempty"`   // the virtual disk's digest
	Images []Image           `json:"images,omitempty"` // of a folder, the disk images whose file is not the disk itself
}

// Image is a disk image in a folder.
type Image struct {
	Name string            `json:"name"` // its path in the folder
	Disk map[string]string `json:"disk"` // the virtual disk's digest
}

// Build is how the images came about.
type Build struct {
	Builds     int         `json:"builds"`             // how many there were
	Isolation  string      `json:"isolation"`          // what kept them from the machine: none, supervised, isolated or vm
	Pinned     bool        `json:"pinned,omitempty"`   // both ran in the pinned world, which makes them agree
	Spec       *Descriptor `json:"spec,omitempty"`     // what was built, where it was a spec
	Command    []string    `json:"command,omitempty"`  // the builder, where it was a command
	Varied     []World     `json:"varied"`             // what differed between the two worlds
	NotVaried  []World     `json:"notVaried"`          // what did not: of it, the result says nothing
	Repeated   int         `json:"repeated,omitempty"` // how many of the builds gave the one result, where there were more than two
	Controlled int         `json:"controls,omitempty"` // builds in one world that were compared with each other
}

// World is one thing about the world of a build, in both builds.
type World struct {
	Name string `json:"name"`          // time, timezone, …
	A    string `json:"a"`             // in the first
	B    string `json:"b"`             // in the second
	Why  string `json:"why,omitempty"` // why it was not varied
}

// Differences is what differs and is allowed to.
type Differences struct {
	Bytes   int64        `json:"bytes"`             // how many differ
	Causes  []Difference `json:"causes"`            // what makes them differ; what follows from it is left out
	Omitted int          `json:"omitted,omitempty"` // how many causes more
}

// Difference is one cause.
type Difference struct {
	ID     string       `json:"id"`     // of the report's finding
	Cause  report.Cause `json:"cause"`  // what sort of thing it is
	Bytes  int64        `json:"bytes"`  // how many differ
	Reason string       `json:"reason"` // why that is allowed
}

// Policy is what the comparison was held against.
type Policy struct {
	Name   string            `json:"name,omitempty"`   // the policy's file
	Digest map[string]string `json:"digest,omitempty"` // of its bytes
	Strict bool              `json:"strict"`           // unused and expired rules would have failed
	Rules  []Rule            `json:"rules"`            // with what came of them
}

// Rule is a rule of the policy, or a flag.
type Rule struct {
	Where   string           `json:"where"`             // file and line, or the flag
	Names   string           `json:"names"`             // what it allows
	Reason  string           `json:"reason,omitempty"`  // why
	Expires string           `json:"expires,omitempty"` // its last day
	State   report.RuleState `json:"state"`             // what came of it
}

// Tool is the program that made the statement's report.
type Tool struct {
	Name    string `json:"name"`    // reprodisk
	Version string `json:"version"` // its release
}
