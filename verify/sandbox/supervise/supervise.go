package supervise

import (
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/verify/world"
)

// Options say what to supervise, and how.
type Options struct {
	World *world.World

	// Conn is the supervisor's end of a Pair. Run closes it.
	Conn *os.File

	// Leader is the child of the calling thread whose end is the end of the
	// run: the sandbox's first process, or the exec stage itself.
	Leader int

	// Start is when the making of the sandbox began: what carries a later time
	// was made by it or by the build. The zero value is the time of the call.
	Start time.Time

	// Inside tells the filesystems that belong to the sandbox from those that
	// hold its inputs, by their device number as stat(2) has it. It is called on
	// the supervisor's thread. Nil: none belongs to the sandbox.
	Inside func(dev uint64) bool

	// FirstExec is called while the build stands still before its first
	// instruction, for instance to set the number of the next process. An error
	// ends the run.
	FirstExec func() error

	// Hostname says that the build has no host name of its own, so that uname
	// has to tell the world's, as where it is the leader itself.
	Hostname bool

	// Watch fills Result.Asked, at the cost of more stops.
	Watch bool
}

// Result is how a run ended.
type Result struct {
	Status unix.WaitStatus // of the leader

	// Asked lists the parts of the world that some process of the build asked
	// the system about, and those of which nobody can tell, in the order of
	// world.Names. It is nil without Options.Watch.
	Asked []world.Name

	// Refused is why the run was ended by the supervisor, in one line, such as
	// "/opt/old/tool is a 32-bit program, …"; empty where it was not.
	Refused string

	// Notes are things that did not go as the build wanted, a line each: that a
	// debugger was denied its work.
	Notes []string

	Stops int // how often a process was stopped: the cost
}
