// Command reprodisk builds a disk image twice, compares the two, and names
// every field that came out different.
//
// This package is the command line and nothing else: one file a subcommand,
// which turns flags into a call of the package that does the work.
//
// Exit status: 0 no difference, 1 differences, 2 trouble, 130 after Ctrl-C
// (143 after SIGTERM, 129 after SIGHUP). Trouble is one line on standard error.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/reprodisk/reprodisk/build/guest/inside"
	"github.com/reprodisk/reprodisk/verify/sandbox"
)

// Exit statuses, as diff(1) and cmp(1) have them.
const (
	statusSame    = 0
	statusDiffers = 1
	statusTrouble = 2
)

func main() {
	inside.Main(sandbox.Guest) // returns, unless the kernel of a guest has started this program as its init
	sandbox.Main()             // returns, unless a sandbox has started this program as a part of itself
	os.Exit(run(asHook(os.Args[0], os.Args[1:]), os.Stdout, os.Stderr))
}

// interrupted is the cause of a context that a signal has ended.
type interrupted struct{ syscall.Signal }

func (i interrupted) Error() string { return "interrupted" }

// errDiffers is the outcome of a command that found differences, and said so.
var errDiffers = errors.New("differs")

func run(args []string, stdout, stderr *os.File) int {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // nohup has it so
		signal.Notify(signals, syscall.SIGHUP)
	}
	go func() {
		s, _ := (<-signals).(syscall.Signal)
		cancel(interrupted{s})
		signal.Stop(signals) // a second one ends the program at once
	}()
	// Standard output that nobody reads any more is an error of the write, so
	// that the way out is the ordinary one. The signal itself is of no use.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)

	a := &app{stdout: stdout, stderr: stderr}
	root := a.rootCommand()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	a.progress.clear()
	var sig interrupted
	switch {
	case err == nil:
		return statusSame
	case errors.Is(err, errDiffers):
		return statusDiffers
	case errors.As(context.Cause(ctx), &sig):
		fmt.Fprintln(stderr, "reprodisk: interrupted")
		return 128 + int(sig.Signal)
	case errors.Is(err, syscall.EPIPE):
		return statusTrouble
	}
	fmt.Fprintln(stderr, "reprodisk: "+oneLine(err.Error()))
	return statusTrouble
}

// oneLine keeps a message on one line and off the terminal's controls: names in
// it may be anybody's.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069:
			return '?'
		}
		return r
	}, strings.TrimSpace(s))
}

// app is what all subcommands share.
type app struct {
	stdout, stderr *os.File
	global         globalOptions
	progress       *progress
}

// warn prints a warning.
func (a *app) warn(line string) {
	a.progress.clear()
	fmt.Fprintln(a.stderr, "reprodisk: warning: "+oneLine(line))
}
