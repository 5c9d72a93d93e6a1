package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
)

func TestBuildPrintsWhatItWrote(t *testing.T) {
	template := judge.File(t, "/usr/share/OVMF/OVMF_VARS_4M.fd")
	dir := t.TempDir()
	spec := filepath.Join(dir, "s.yaml")
	text := "partitionTableType: efi\nadditionalSpace: 1M\ntouchEFIVars: true\nefiVariables: " + template + "\n"
	if err := os.WriteFile(spec, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	stdout, err := os.Create(filepath.Join(dir, "stdout"))
	if err != nil {
		t.Fatal(err)
	}
	defer stdout.Close()
	out := filepath.Join(dir, "out")
	if status := run([]string{"build", "-o", out, spec}, stdout, os.Stderr); status != statusSame {
		t.Fatalf("the build ends with %d", status)
	}
	said, err := os.ReadFile(stdout.Name())
	if err != nil {
		t.Fatal(err)
	}
	if want := out + "/nixos.img\n" + out + "/efi-vars.fd\n"; string(said) != want {
		t.Errorf("it prints %q, not %q", said, want)
	}
}

func TestAmounts(t *testing.T) {
	for bytes, want := range map[float64]string{
		0: "0 B", 999: "999 B", 1000: "1.0 KiB", 1 << 20: "1.0 MiB", 15 << 20: "15 MiB", 3 << 30: "3.0 GiB", 1 << 62: "4.0 EiB",
	} {
		if got := amount(bytes); got != want {
			t.Errorf("%g bytes are %q, not %q", bytes, got, want)
		}
	}
}
