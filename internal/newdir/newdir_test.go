package newdir

import (
	"os"
	"path/filepath"
	"testing"
)

func TestUndoRemovesWhatMakeMade(t *testing.T) {
	top := t.TempDir()
	made, err := Make(filepath.Join(top, "a", "b", "c"))
	if err != nil || len(made) != 3 {
		t.Fatalf("Make = %v, %v", made, err)
	}
	again, err := Make(filepath.Join(top, "a", "b", "d"))
	if err != nil || len(again) != 1 {
		t.Fatalf("Make = %v, %v", again, err)
	}
	made.Undo() // b holds d, so only c goes
	again.Undo()
	if left, _ := filepath.Glob(filepath.Join(top, "a", "b", "*")); len(left) > 0 {
		t.Errorf("Undo left %v", left)
	}
	if _, err := os.Stat(filepath.Join(top, "a", "b")); err != nil {
		t.Errorf("Undo removed a folder that held another: %v", err)
	}
}

func TestAFileInTheWayIsNamed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "sub")} {
		if _, err := Make(dir); err == nil {
			t.Errorf("Make(%s) makes a folder of a file", dir)
		} else {
			t.Log(err)
		}
	}
}
