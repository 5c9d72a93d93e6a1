package patherr

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestAtNamesNoSystemCall(t *testing.T) {
	_, opened := os.Open(filepath.Join(t.TempDir(), "missing"))
	linked := os.Link("missing", filepath.Join(t.TempDir(), "link"))
	for _, err := range []error{opened, linked, fmt.Errorf("wrapped: %w", opened)} {
		got := At("given", err)
		if got.Error() != "given: no such file or directory" || !errors.Is(got, syscall.ENOENT) {
			t.Errorf("%v is said as %v", err, got)
		}
	}
	if got := At("given", errors.New("something else")); got.Error() != "given: something else" {
		t.Errorf("another error is said as %v", got)
	}
}
