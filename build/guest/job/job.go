package job

import "encoding/json"

// Places in the guest before its disk is mounted.
const (
	File    = "/job.json"           // the Job
	Modules = "/modules"            // the folder of the kernel's modules
	Init    = "/init"               // the program itself
	Root    = "/mnt"                // where the image's root filesystem is mounted
	Port    = "org.reprodisk.guest" // name of the virtio serial port of the events
	Disk    = "vda"                 // the disk's device in a machine of QEMU's
)

// The steps that every job has, before and after its own.
const (
	MountStep   = "mount the filesystems"
	UnmountStep = "unmount the filesystems"
)

// TaskStep is the only step of a job that is a task.
const TaskStep = "the task"

// Job is all that a guest does between its start and its end.
type Job struct {
	// Modules are the names of files in the folder Modules, in the order in
	// which they are loaded.
	Modules []string `json:"modules"`
	// Disk is the name of the disk's device, without /dev/.
	Disk string `json:"disk"`
	// Tty is the device of the events where there is no virtio serial port;
	// empty: there is one.
	Tty string `json:"tty,omitempty"`
	// Epoch is what the clock is set to before the first step, in seconds since
	// 1970; nil: it stays as the machine has it.
	Epoch *int64 `json:"epoch,omitempty"`
	// Seed is credited to the kernel's random numbers; empty: it is not.
	Seed []byte `json:"seed,omitempty"`
	// Aliases are other paths, from the guest's root, of the disk's device.
	Aliases []string `json:"aliases,omitempty"`
	// Mounts in their order, the root filesystem first.
	Mounts []Mount `json:"mounts"`
	// EFIVariables has the firmware's variables mounted, in the image too.
	EFIVariables bool `json:"efiVariables,omitempty"`
	// Steps in their order. The first that fails ends the guest.
	Steps []Step `json:"steps"`
	// Task, where it is set, is all that is done: mounts and steps are not. What
	// it says is between the program that runs in the guest and the host's.
	Task json.RawMessage `json:"task,omitempty"`
	// Beat is the time between two Alive events, in milliseconds.
	Beat int `json:"beat"`
}

// Mount is one filesystem of the disk.
type Mount struct {
	Partition int    `json:"partition"` // its number; 0: the whole disk
	Type      string `json:"type"`      // ext4, vfat
	Target    string `json:"target"`    // in the image, from its root: "/", "/boot"
	Options   string `json:"options,omitempty"`
}

// Step is one thing that is done in the image. One of the pointers is set.
type Step struct {
	Name   string  `json:"name"` // as people are told
	Run    *Run    `json:"run,omitempty"`
	Own    *Own    `json:"own,omitempty"`
	Remove *Remove `json:"remove,omitempty"`
}

// Run is a program of the image, run with the image as its root, in which
// /dev, /proc, /sys and /run are there as well, and with nothing to read.
type Run struct {
	Argv []string `json:"argv"` // the program's path is looked up in the image, by Env's PATH
	Env  []string `json:"env"`  // all of it
	// MayFail has the guest go on whatever the exit status.
	MayFail bool `json:"mayFail,omitempty"`
}

// Own gives a file, or a folder with all below it, an owner: names are looked up
// in the image's own /etc/passwd and /etc/group as they are by then. Links are
// not followed; setuid, setgid and capabilities stay.
type Own struct {
	Path  string `json:"path"` // from the image's root
	User  string `json:"user"` // name or number
	Group string `json:"group"`
}

// Remove removes a file of the image, where it is there.
type Remove struct {
	Path string `json:"path"` // from the image's root
}

// MaxEvent bounds an event's line, in bytes with its end.
const MaxEvent = 64 << 10

// MaxBytes bounds the bytes of one event: in base64 they fit into its line.
const MaxBytes = 32 << 10

// Kind is what an event is about.
type Kind string

// The kinds of events, in the order in which a guest sends them.
const (
	Ready  Kind = "ready"  // the guest runs; nothing has touched the disk yet
	Began  Kind = "began"  // a step begins; the mounts, and the end, are steps too
	Output Kind = "output" // a line that a step's program has printed, or that the guest has to say
	Data   Kind = "data"   // bytes of a task
	Alive  Kind = "alive"  // once a beat
	Failed Kind = "failed" // the step failed; the guest turns itself off
	Done   Kind = "done"   // all is done, unmounted and written; the guest turns itself off
)

// Event is one thing that the guest tells.
type Event struct {
	Kind   Kind    `json:"kind"`
	Step   string  `json:"step,omitempty"`
	Text   string  `json:"text,omitempty"` // one line: output, or why it failed
	Uptime float64 `json:"uptime"`         // of the guest, in seconds
	// Work is a number that grows while anything is done in the guest: time of
	// its processors and sectors of its disk. In Alive.
	Work uint64 `json:"work,omitempty"`
	// Bytes are a piece of a task's Stream, at most MaxBytes. In Data.
	Bytes  []byte `json:"bytes,omitempty"`
	Stream int    `json:"stream,omitempty"`
	// Memory is set in Failed where the guest's kernel had no memory left.
	Memory bool `json:"memory,omitempty"`
}
