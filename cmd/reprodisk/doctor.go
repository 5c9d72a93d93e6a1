package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/reprodisk/reprodisk/build/guest"
	"github.com/reprodisk/reprodisk/verify/sandbox"
	"github.com/reprodisk/reprodisk/verify/world"
)

func (a *app) doctorCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor [--json]",
		Short: "Say what this machine can do: sandboxes, variations, tools",
		Long: `Try what this machine can do, and say what to do about the rest: each level of
sandbox, for real, and what it costs to start; which variations each can make;
what of the kernel and which other programs some features want; whether a guest
comes up under KVM.

Exit status: 0 the default level, isolated, works; 1 it does not; 2 trouble.`,
		Args: wants(),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.doctor(cmd.Context(), asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON, for machines")
	return cmd
}

func (a *app) doctor(ctx context.Context, asJSON bool) error {
	all, err := sandbox.Probe(ctx)
	if err != nil {
		return err
	}
	guests, err := guest.Probe(ctx)
	if err != nil {
		return err
	}
	for _, g := range guests {
		state := sandbox.Missing
		switch {
		case g.Works && g.Tried:
			state = sandbox.Works
		case g.Works:
			state = sandbox.NotTried
		}
		all = append(all, sandbox.Capability{Group: sandbox.MachineGroup, Name: g.Name, State: state, Detail: g.Detail, Remedy: g.Remedy})
	}
	if asJSON {
		e := json.NewEncoder(a.stdout)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		err = e.Encode(struct {
			Version      string               `json:"version"`
			Default      sandbox.Level        `json:"default"`
			Capabilities []sandbox.Capability `json:"capabilities"`
		}{version(), sandbox.Isolated, all})
	} else {
		_, err = io.WriteString(a.stdout, doctorText(all))
	}
	if err != nil {
		return err
	}
	for _, c := range all {
		if c.Group == sandbox.LevelGroup && c.Name == string(sandbox.Isolated) && c.State != sandbox.Works {
			return errDiffers
		}
	}
	return nil
}

const doctorWidth = 80

// doctorText is the report for people.
func doctorText(all []sandbox.Capability) string {
	var b strings.Builder
	b.WriteString("Levels of sandbox\n")
	for _, c := range all {
		if c.Group != sandbox.LevelGroup {
			continue
		}
		said := c.Detail
		if c.State == sandbox.Works {
			said = fmt.Sprintf("%.0f ms to start", c.Millis)
		}
		if c.Name == string(sandbox.Isolated) {
			said = "the default; " + said
		}
		entry(&b, c.Name, string(c.State), said, "")
	}
	b.WriteString("\nVariations\n")
	variations(&b, all)
	for _, g := range []struct{ group, title string }{
		{sandbox.MachineGroup, "Machine"}, {sandbox.ToolGroup, "Tools that some features want"},
	} {
		fmt.Fprintf(&b, "\n%s\n", g.title)
		for _, c := range all {
			if c.Group == g.group {
				entry(&b, c.Name, string(c.State), c.Detail, c.Remedy)
			}
		}
	}
	return b.String()
}

// entry is a line, with what follows below where it is long.
func entry(b *strings.Builder, name, state, detail, remedy string) {
	const indent = 34
	line := strings.TrimRight(fmt.Sprintf("  %-20s  %-9s", oneLine(name), state), " ")
	if detail != "" {
		line = fmt.Sprintf("%-33s ", line) + oneLine(detail)
	}
	wrap(b, line, indent)
	if remedy != "" {
		wrap(b, strings.Repeat(" ", indent)+oneLine(remedy), indent)
	}
}

// wrap breaks a line between words, with a hanging indent.
func wrap(b *strings.Builder, line string, indent int) {
	lead := line[:len(line)-len(strings.TrimLeft(line, " "))]
	width, first := utf8.RuneCountInString(lead), true
	b.WriteString(lead)
	for word := range strings.SplitSeq(strings.TrimLeft(line, " "), " ") {
		n := utf8.RuneCountInString(word)
		switch {
		case first:
		case width+1+n > doctorWidth:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			width = indent
		default:
			b.WriteByte(' ')
			width++
		}
		b.WriteString(word)
		width += n
		first = false
	}
	b.WriteByte('\n')
}

// variations is a table, with the reasons below it, each once.
func variations(b *strings.Builder, all []sandbox.Capability) {
	levels := []sandbox.Level{sandbox.None, sandbox.Supervised, sandbox.Isolated}
	heads := fmt.Sprintf("  %-20s", "")
	for _, l := range levels {
		heads += fmt.Sprintf("  %-10s", l)
	}
	b.WriteString(strings.TrimRight(heads, " ") + "\n")
	var reasons []string
	for _, n := range world.Names() {
		line := fmt.Sprintf("  %-20s", n)
		for _, l := range levels {
			cell := ""
			for _, c := range all {
				if c.Group != sandbox.VariationGroup || c.Name != string(n) || c.Level != l {
					continue
				}
				switch c.State {
				case sandbox.Works:
					cell = "yes"
				case sandbox.Missing:
					cell = "-"
				default:
					cell = "in part"
				}
				if c.Detail != "" {
					i := slices.Index(reasons, c.Detail)
					if i < 0 {
						i, reasons = len(reasons), append(reasons, c.Detail)
					}
					cell += fmt.Sprintf(" %d", i+1)
				}
			}
			line += fmt.Sprintf("  %-10s", cell)
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	for i, r := range reasons {
		wrap(b, fmt.Sprintf("  %2d  %s", i+1, oneLine(r)), 6)
	}
}
