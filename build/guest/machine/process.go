package machine

import (
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/reprodisk/reprodisk/internal/child"
)

// command is a program of the host's with what it inherits.
type command struct {
	path  string
	args  []string
	files []*os.File
	env   []string // nil: this program's
	// spaces has all that it starts end with it, where the host allows that.
	spaces bool
}

func (c *command) add(args ...string) { c.args = append(c.args, args...) }

// give has the program inherit a file, and returns its descriptor there.
func (c *command) give(f *os.File) int {
	c.files = append(c.files, f)
	return 2 + len(c.files)
}

// process is a program that runs, and ends with this one.
type process struct {
	*child.Process
	stderr tail // may be read when it has ended
}

// start starts the program: apart from the host's others, if that is wanted and
// containers and hosts do not refuse the namespaces.
func (c *command) start() (*process, error) {
	p := &process{}
	commands := []*exec.Cmd{p.prepare(c, false)}
	if c.spaces {
		commands = []*exec.Cmd{p.prepare(c, true), commands[0]}
	}
	var err error
	p.Process, err = child.Start(commands...)
	return p, err
}

func (p *process) prepare(c *command, apart bool) *exec.Cmd {
	attr := &syscall.SysProcAttr{}
	if apart {
		spaces(attr)
	}
	return &exec.Cmd{
		Path: c.path, Args: append([]string{c.path}, c.args...), Env: c.env, Dir: "/", ExtraFiles: c.files,
		Stdout: &p.stderr, Stderr: &p.stderr, WaitDelay: 5 * time.Second, SysProcAttr: attr,
	}
}
