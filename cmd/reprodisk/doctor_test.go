package main

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/reprodisk/reprodisk/verify/sandbox"
)

func TestDoctorFitsATerminal(t *testing.T) {
	long := strings.Repeat("something is in the way and has to be put right ", 5)
	text := doctorText([]sandbox.Capability{
		{Group: sandbox.LevelGroup, Name: "isolated", State: sandbox.Missing, Detail: long},
		{Group: sandbox.VariationGroup, Name: "time", Level: sandbox.None, State: sandbox.Missing, Detail: long},
		{Group: sandbox.VariationGroup, Name: "time", Level: sandbox.Isolated, State: sandbox.Works},
		{Group: sandbox.MachineGroup, Name: "KVM", State: sandbox.NotTried, Detail: long + "\x1b[31m", Remedy: long},
		{Group: sandbox.ToolGroup, Name: "grub-mkimage", State: sandbox.Works},
	})
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if utf8.RuneCountInString(line) > doctorWidth || strings.TrimRight(line, " ") != line || strings.Contains(line, "\x1b") {
			t.Errorf("%q", line)
		}
	}
	for _, want := range []string{"isolated              missing   the default; something", "  time                  - 1                     yes", "   1  something"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}
