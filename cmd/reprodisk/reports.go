package main

import (
	"errors"
	"fmt"
	"io"
	"syscall"

	"github.com/spf13/pflag"

	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/report/ci"
	"github.com/reprodisk/reprodisk/report/html"
)

// reportFlags say where a report goes, and what counts in it.
type reportFlags struct {
	text, json, markdown string
	html                 string
	ci                   ciFlags
	attest               attestFlag
	scope                scopeFlags
	set                  *pflag.FlagSet
	outputs              []reportOutput
	judged               func(*report.Report) error // is told the report as it is rendered, before it is
}

type renderer = func(io.Writer, *report.Report) error

// reportForm is a form that a flag asks for.
type reportForm struct {
	flag, file string
	render     func(*output) renderer
}

type reportOutput struct {
	*output
	render renderer
}

func (f *reportFlags) add(flags *pflag.FlagSet) {
	f.set = flags
	flags.StringVar(&f.text, "text", "", "write the report as text to `FILE`; - is standard output, and\nthe default where no other form is asked for")
	flags.StringVar(&f.json, "json", "", "write the report as JSON to `FILE`")
	flags.StringVar(&f.markdown, "markdown", "", "write the report as Markdown to `FILE`")
	flags.StringVar(&f.html, "html", "", "write the report as one self-contained web page to `FILE`")
	f.ci.add(flags)
	f.attest.add(flags)
	f.scope.add(flags)
}

// open opens every output before the work begins. The caller discards them.
func (f *reportFlags) open(a *app) error {
	if err := f.scope.open(); err != nil {
		return err
	}
	if err := f.ci.open(a, f.set); err != nil {
		return err
	}
	forms := []reportForm{
		{"text", f.text, f.textRenderer(a)},
		{"json", f.json, func(*output) renderer { return report.WriteJSON }},
		{"markdown", f.markdown, func(*output) renderer {
			return func(w io.Writer, r *report.Report) error {
				return report.WriteMarkdown(w, r, report.MarkdownOptions{Max: f.scope.maxFindings, Marker: ci.Subject(r)})
			}
		}},
		{"html", f.html, func(*output) renderer {
			return func(w io.Writer, r *report.Report) error {
				return html.Write(w, r, html.Options{Max: f.scope.maxFindings})
			}
		}},
	}
	forms = append(forms, f.ci.forms()...)
	asked := f.attest.file == "-" // two of them there would be one heap
	for _, form := range forms {
		asked = asked || f.set.Changed(form.flag)
	}
	for _, form := range forms {
		if !f.set.Changed(form.flag) {
			if asked || form.flag != "text" {
				continue
			}
			form.file = "-"
		}
		o, err := openOutput(form.file, a.stdout)
		if err != nil {
			f.discard()
			return err
		}
		render := form.render(o)
		if f.ci.github && o.direct == a.stdout {
			if form.flag != "text" {
				f.discard()
				return fmt.Errorf("--github prints its annotations on standard output: give --%s a file", form.flag)
			}
			render = muted(render)
		}
		f.outputs = append(f.outputs, reportOutput{o, render})
	}
	if err := f.attest.open(a, f.scope.partition); err != nil {
		f.discard()
		return err
	}
	return nil
}

func (f *reportFlags) discard() {
	f.ci.close()
	for _, o := range f.outputs {
		o.discard()
	}
	f.attest.discard()
}

// write renders the report everywhere and gives the outcome of the command.
func (f *reportFlags) write(a *app, r *report.Report) error {
	a.progress.clear()
	if err := f.scope.apply(r); err != nil {
		return err
	}
	if f.judged != nil {
		if err := f.judged(r); err != nil {
			return err
		}
	}
	for _, o := range f.outputs {
		err := o.write(func(w io.Writer) error { return o.render(w, r) })
		if errors.Is(err, syscall.EPIPE) {
			continue // whoever read it has seen enough
		}
		if err != nil {
			return err
		}
	}
	if err := f.attest.write(a, r); err != nil {
		return err
	}
	if err := f.ci.write(a, r, f.scope.maxFindings); err != nil {
		return err
	}
	if !r.Passes() {
		return errDiffers
	}
	return nil
}

// textRenderer renders with the terminal's width only what goes to the
// terminal: in a file it would be an accident.
func (f *reportFlags) textRenderer(a *app) func(*output) renderer {
	return func(o *output) renderer {
		opt := report.TextOptions{Verbose: a.global.verbose, Color: a.global.color == "always", Max: f.scope.maxFindings}
		if o.direct == a.stdout {
			opt.Color, opt.Width = a.colored(), terminalWidth(a.stdout)
		}
		return func(w io.Writer, r *report.Report) error { return report.WriteText(w, r, opt) }
	}
}

// sign enters which program made the report.
func sign(r *report.Report) {
	r.Tool = report.Tool{Name: "reprodisk", Version: version()}
}
