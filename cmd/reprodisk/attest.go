package main

import (
	"fmt"
	"io"

	"github.com/spf13/pflag"

	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/report/attest"
)

// attestFlag asks for a statement about what was found, to be signed.
type attestFlag struct {
	file string
	set  *pflag.FlagSet
	out  *output
}

func (f *attestFlag) add(flags *pflag.FlagSet) {
	f.set = flags
	flags.StringVar(&f.file, "attest", "", "where the images are reproducible, write an in-toto statement to\n`FILE`, ready to be signed; implies --digests")
}

// asked tells whether there is to be a statement, for which digests are needed.
func (f *attestFlag) asked() bool { return f.set.Changed("attest") }

func (f *attestFlag) open(a *app, partition int) (err error) {
	if !f.asked() {
		return nil
	}
	if partition >= 0 {
		return fmt.Errorf("--attest and --partition do not go together: a statement is about whole images")
	}
	f.out, err = openOutput(f.file, a.stdout)
	return err
}

func (f *attestFlag) discard() {
	if f.out != nil {
		f.out.discard()
	}
}

// write writes the statement, or says why there is none. That is not trouble:
// the report says what was found.
func (f *attestFlag) write(a *app, r *report.Report) error {
	if f.out == nil {
		return nil
	}
	s, err := attest.New(r)
	if err != nil {
		fmt.Fprintln(a.stderr, "reprodisk: "+oneLine(fmt.Sprintf("--attest %s: not written: %v", f.file, err)))
		return nil
	}
	return f.out.write(func(w io.Writer) error { return attest.Write(w, s) })
}
