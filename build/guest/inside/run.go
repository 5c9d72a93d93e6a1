package inside

import (
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/build/guest/job"
)

// run runs a program of the image. No process is left when it returns.
func (g *guest) run(step string, r *job.Run) error {
	out := lines{emit: func(s string) { g.events.send(job.Event{Kind: job.Output, Step: step, Text: s}) }}
	err := runIn(g.image, job.Root, r, &out, g.rescue)
	if err != nil && r.MayFail {
		g.say(step, "goes on after: %v", err)
		return nil
	}
	return err
}

// runIn runs a program with the folder root, of which image is a descriptor, as
// its root, takes what it prints, and ends every other process of this pid
// namespace, which must be one of its own.
func runIn(image int, root string, r *job.Run, out *lines, rescue func()) error {
	if len(r.Argv) == 0 {
		return errors.New("there is no program to run")
	}
	program, err := lookUp(image, r)
	if err != nil {
		return err
	}
	null, err := os.OpenFile("/dev/null", os.O_RDONLY, 0)
	if err != nil {
		return fmt.Errorf("cannot start %s: %w", program, err)
	}
	defer null.Close()
	read, write, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("cannot start %s: %w", program, err)
	}
	defer read.Close()
	pid, err := syscall.ForkExec(program, r.Argv, &syscall.ProcAttr{
		Dir: "/", Env: r.Env, Files: []uintptr{null.Fd(), write.Fd(), write.Fd()},
		Sys: &syscall.SysProcAttr{Chroot: root, Setsid: true},
	})
	write.Close()
	if err != nil {
		return notStarted(image, program, err)
	}
	heard := make(chan struct{})
	go func() {
		defer rescue()
		defer close(heard)
		_, _ = io.Copy(out, read)
		out.end()
	}()
	status, err := wait(pid)
	endOthers()
	<-heard // nobody is left who could write
	if err != nil {
		return fmt.Errorf("cannot wait for %s: %w", program, err)
	}
	return outcome(status, out.lastWords())
}

// outcome says how a program ended, with its own last words.
func outcome(status unix.WaitStatus, last string) error {
	how := ""
	switch {
	case status.Exited() && status.ExitStatus() == 0:
		return nil
	case status.Exited():
		how = fmt.Sprintf("exit status %d", status.ExitStatus())
	case status.Signaled():
		how = fmt.Sprintf("ended by signal %d, %s", status.Signal(), unix.SignalName(status.Signal()))
	default:
		how = fmt.Sprintf("ended with status %#x", uint32(status))
	}
	if last != "" {
		how += ": " + last
	}
	return errors.New(how)
}

// wait waits for one process, and for those of others that end meanwhile: they
// are children of init once their parents are gone.
func wait(pid int) (status unix.WaitStatus, err error) {
	for {
		p, err := unix.Wait4(-1, &status, unix.WALL, nil)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return status, err
		case p == pid:
			return status, nil
		}
	}
}

// endOthers ends all processes and waits for their ends. Threads of the kernel
// do not mind.
func endOthers() {
	for {
		_ = unix.Kill(-1, unix.SIGKILL)
		if _, err := unix.Wait4(-1, nil, unix.WALL, nil); err != nil && err != unix.EINTR {
			return // ECHILD
		}
	}
}

// lookUp is the path of a program in the image, as execvp(3) finds it.
func lookUp(image int, r *job.Run) (string, error) {
	name := r.Argv[0]
	if strings.Contains(name, "/") {
		name = path.Join("/", name)
		return name, executable(image, name)
	}
	var search string
	for _, e := range r.Env {
		if v, ok := strings.CutPrefix(e, "PATH="); ok {
			search = v
		}
	}
	problem := fmt.Errorf("%s: the image has no such program in %s", name, search)
	if search == "" {
		return "", fmt.Errorf("%s: there is no PATH to look for it", name)
	}
	for dir := range strings.SplitSeq(search, ":") {
		at := path.Join("/", dir, name)
		err := executable(image, at)
		if err == nil {
			return at, nil
		}
		if !errors.Is(err, errNoProgram) {
			problem = err
		}
	}
	return "", problem
}

var errNoProgram = errors.New("the image has no such program")

// executable says why a path of the image cannot be run.
func executable(image int, name string) error {
	fd, err := openIn(image, name, unix.O_PATH)
	if err == unix.ENOENT || err == unix.ENOTDIR {
		return fmt.Errorf("%s: %w", name, errNoProgram)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG || st.Mode&0o111 == 0 {
		return fmt.Errorf("%s: it is not a program: no executable file", name)
	}
	return nil
}

// notStarted words why the kernel did not run a program.
func notStarted(image int, program string, err error) error {
	switch {
	case errors.Is(err, unix.ENOENT):
		if by := interpreter(image, program); by != "" {
			return fmt.Errorf("%s: it is run by %s, which the image does not have", program, by)
		}
	case errors.Is(err, unix.ENOEXEC):
		return fmt.Errorf("%s: it is not a program for this machine", program)
	}
	return fmt.Errorf("%s: %w", program, err)
}

// interpreter is the program that runs a script, or that loads the libraries of
// an ELF file; empty where there is none.
func interpreter(image int, program string) string {
	fd, err := openIn(image, program, unix.O_RDONLY|unix.O_NONBLOCK)
	if err != nil {
		return ""
	}
	f := os.NewFile(uintptr(fd), program)
	defer f.Close()
	head := make([]byte, 256) // BINPRM_BUF_SIZE
	n, _ := io.ReadFull(f, head)
	line, _, _ := strings.Cut(string(head[:n]), "\n")
	if by, ok := strings.CutPrefix(line, "#!"); ok {
		if words := strings.Fields(by); len(words) > 0 {
			return clean(words[0])
		}
		return ""
	}
	e, err := elf.NewFile(f)
	if err != nil {
		return ""
	}
	for _, p := range e.Progs {
		if p.Type == elf.PT_INTERP && p.Filesz <= unix.PathMax {
			b := make([]byte, p.Filesz)
			if _, err := p.ReadAt(b, 0); err == nil {
				return clean(strings.TrimRight(string(b), "\x00"))
			}
		}
	}
	return ""
}
