package buildinfo

import (
	"time"

	"github.com/reprodisk/reprodisk/verify/world"
)

// Schema names the version of the JSON that an Info is written as. It changes
// when a name or a meaning changes, not when a name is added.
const Schema = "reprodisk-buildinfo/1"

// Info is all that is known of the builds of one verification.
type Info struct {
	Schema        string    `json:"schema"`                      // the version of this form
	Tool          Tool      `json:"tool"`                        // the program that ran the builds
	Command       []string  `json:"command,omitempty"`           // the builder's command line, where it was one
	Program       string    `json:"program"`                     // the executable, an absolute path
	Dir           string    `json:"dir,omitempty"`               // the working folder of a command
	Spec          string    `json:"spec,omitempty"`              // the spec's absolute path, where it was one
	Level         string    `json:"level"`                       // none, supervised, isolated or vm
	Pinned        bool      `json:"pinned,omitempty"`            // both builds ran in the pinned world
	VisibleInputs []string  `json:"visible_inputs,omitempty"`    // the only paths that the builds saw; empty: the whole machine
	Overlay       bool      `json:"overlay,omitempty"`           // the working folder had a writable layer
	Network       bool      `json:"network,omitempty"`           // the builds had the machine's network
	Environment   []string  `json:"environment,omitempty"`       // names of the caller's variables
	Epoch         string    `json:"source_date_epoch,omitempty"` // SOURCE_DATE_EPOCH, where it was set
	Builds        []Build   `json:"builds"`                      // the two that were compared, the kept one first
	Inputs        []Input   `json:"inputs"`                      // what went into them
	Machine       Machine   `json:"machine"`                     // where they ran
	Tools         []Version `json:"tools,omitempty"`             // tools that make images, as far as they are installed
}

// Tool is the program that ran the builds.
type Tool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Build is one build.
type Build struct {
	Name       string                `json:"name"`                  // first or second
	World      world.World           `json:"world"`                 // its world, exactly
	Begun      time.Time             `json:"begun"`                 // by the machine's clock
	Seconds    float64               `json:"seconds"`               // how long the command ran
	ExitCode   int                   `json:"exit_code"`             // of the command
	Applied    []world.Name          `json:"applied,omitempty"`     // parts of the world that were made
	NotApplied map[world.Name]string `json:"not_applied,omitempty"` // parts that were not, with why
	Partly     map[world.Name]string `json:"partly,omitempty"`      // what parts that were made leave out
	VM         *VM                   `json:"vm,omitempty"`          // that it ran in
	Digest     string                `json:"digest"`                // of the output, "sha256:…"
	Log        string                `json:"log"`                   // the end of what the command wrote
	LogOmitted int64                 `json:"log_omitted,omitempty"` // bytes before it
}

// VM is a virtual machine in which a build ran.
type VM struct {
	Kernel string `json:"kernel"` // uname -r and -v
	CPUs   int    `json:"cpus"`
	Memory int64  `json:"memory"` // bytes that its kernel has
	Accel  string `json:"accel"`  // "kvm"; "tcg", QEMU's emulation
	Share  string `json:"share"`  // how it saw the machine's files: "virtiofs", "9p"
}

// Input is a file or a folder that went into the builds.
type Input struct {
	Path   string `json:"path"`             // absolute
	Digest string `json:"digest,omitempty"` // "sha256:…", of a file's bytes or of a folder's entries
	Size   int64  `json:"size,omitempty"`   // bytes that were read for it
	Note   string `json:"note,omitempty"`   // why there is no digest
}

// Machine is where the builds ran.
type Machine struct {
	OS           string `json:"os,omitempty"` // PRETTY_NAME of os-release(5)
	Kernel       string `json:"kernel"`       // uname -r and -v
	Architecture string `json:"architecture"` // as Go names it
	CPUs         int    `json:"cpus"`
	Memory       int64  `json:"memory"` // bytes
}

// Version is what a tool says of itself.
type Version struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}
