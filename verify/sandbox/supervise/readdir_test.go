//go:build linux && amd64

package supervise

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/verify/world"
)

func ordered(mode world.OrderMode, seed string) world.World {
	return world.World{FileOrdering: world.Ordering{Mode: mode, Seed: seed}}
}

// folder makes one with n files, on a filesystem with an order of its own.
func folder(t testing.TB, n int) (string, []string) {
	dir := t.TempDir()
	names := []string{".", ".."}
	for i := range n {
		name := fmt.Sprintf("%s%d", strings.Repeat(string(rune('a'+i*7%26)), 1+i%40), i)
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return dir, names
}

func TestFoldersAreListedInOrder(t *testing.T) {
	dir, names := folder(t, 1200) // several buffers of 32 KiB
	list := func(w world.World, prog string) []string {
		return strings.Split(command{dir: dir}.must(t, w, prog, "dir"), "\n")
	}
	backwards := slices.Clone(names)
	slices.Reverse(backwards)
	for _, prog := range asks(t) {
		if got := list(ordered(world.OrderSorted, ""), prog); !slices.Equal(got, names) {
			t.Errorf("sorted: %v…", got[:10])
		}
		if got := list(ordered(world.OrderReversed, ""), prog); !slices.Equal(got, backwards) {
			t.Errorf("reversed: %v…", got[:10])
		}
		one, same, other := list(ordered(world.OrderShuffled, "1"), prog), list(ordered(world.OrderShuffled, "1"), prog), list(ordered(world.OrderShuffled, "2"), prog)
		if !slices.Equal(one, same) || slices.Equal(one, other) || slices.Equal(one, names) {
			t.Errorf("shuffled: %v…, %v…, %v…", one[:5], same[:5], other[:5])
		}
		slices.Sort(one)
		if !slices.Equal(one, names) {
			t.Errorf("names are lost: %d of %d", len(one), len(names))
		}
	}
	goNames := list(ordered(world.OrderReversed, ""), filepath.Join(build(t), "goask"))
	if !slices.Equal(goNames, backwards[:len(backwards)-2]) { // Go leaves out . and ..
		t.Errorf("Go: %v…", goNames[:10])
	}
	busybox := command{dir: dir}.must(t, ordered(world.OrderReversed, ""), judge.Tool(t, "busybox"), "find", ".", "-type", "f")
	if got := strings.Split(busybox, "\n"); len(got) != 1200 || got[0] != "./"+backwards[0] {
		t.Errorf("busybox: %v…", got[:10])
	}
}

// TestFoldersThatShrinkAreListedWhole removes files while they are listed.
func TestFoldersThatShrinkAreListedWhole(t *testing.T) {
	for _, mode := range []world.OrderMode{world.OrderReversed, world.OrderShuffled} {
		dir, _ := folder(t, 1200)
		must(t, ordered(mode, ""), "rm", "-r", dir)
		if _, err := os.Lstat(dir); !os.IsNotExist(err) {
			t.Errorf("%s: %v", mode, err)
		}
	}
}

// TestFoldersBufferByBuffer covers kernels and filesystems of which the whole
// list cannot be had.
func TestFoldersBufferByBuffer(t *testing.T) {
	onlyBuffers = true
	defer func() { onlyBuffers = false }()
	dir, names := folder(t, 100)
	slices.Reverse(names)
	got := command{dir: dir}.must(t, ordered(world.OrderReversed, ""), "ls", "-aU")
	if !slices.Equal(strings.Split(got, "\n"), names) {
		t.Errorf("%s", got)
	}
	dir, names = folder(t, 1200)
	got = command{dir: dir}.must(t, ordered(world.OrderShuffled, ""), "ls", "-aU")
	if sorted := strings.Split(got, "\n"); !slices.Equal(slices.Sorted(slices.Values(sorted)), names) {
		t.Errorf("names are lost: %d of %d", len(sorted), len(names))
	}
}
