package verify

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/build/spec"
	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/verify/world"
)

var (
	pinnedBuilds = flag.Int("pinned-builds", 20, "how often stock tools build in the pinned world")
	variedBuilds = flag.Int("varied-builds", 3, "in how many worlds each layout is built")
)

// stock is a script that makes an image with the usual tools at their defaults.
func stock(t *testing.T) []string {
	t.Helper()
	tool := func(name string) string { return judge.Tool(t, name) }
	return []string{"sh", "-c", `set -e
cp -r many "$TMPDIR/tree"
truncate -s 32M "$out"
` + tool("sgdisk") + ` -n 1:2048:+8M -n 2:: "$out" > /dev/null
truncate -s 8M "$TMPDIR/esp"
` + tool("mkfs.vfat") + ` "$TMPDIR/esp" > /dev/null
` + tool("mcopy") + ` -i "$TMPDIR/esp" many/zebra many/apple ::
dd if="$TMPDIR/esp" of="$out" bs=512 seek=2048 conv=notrunc status=none
` + tool("mkfs.ext4") + ` -q -d "$TMPDIR/tree" -E offset=$((18432*512)) "$out" 16M`}
}

// TestStockToolsFollowWhatTheyAreKnownToFollow, field by field.
func TestStockToolsFollowWhatTheyAreKnownToFollow(t *testing.T) {
	if testing.Short() {
		t.Skip("builds several dozen times")
	}
	isolated(t)
	private(t)
	inFolder(t, many())
	res, err := Command(context.Background(), stock(t), Options{Attribute: true, Vary: []string{"-umask"}})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"DiskGUID": "random", "UniquePartitionGUID": "random", "s_uuid": "random", "s_hash_seed": "random",
		"BS_VolID": "time", "s_mkfs_time": "time", "s_wtime": "time", "s_lastcheck": "time", "i_crtime": "time", "i_ctime": "time", "i_mtime": "time", "i_atime": "time",
		"DIR_WrtTime": "time, timezone", "DIR_CrtTime": "time, timezone",
	}
	seen := map[string]bool{}
	for _, f := range res.Report.Findings {
		if f.Derived {
			continue
		}
		field := f.Field
		switch field {
		case "DIR_WrtDate":
			field = "DIR_WrtTime"
		case "DIR_CrtDate", "DIR_CrtTimeTenth":
			field = "DIR_CrtTime"
		}
		seen[field] = true
		if field == "DIR_LstAccDate" && strings.HasPrefix(f.Variation, "time") {
			continue // of the day alone, which the zone may or may not change
		}
		if f.Variation != want[field] {
			t.Errorf("%s follows %q, want %q", f.ID, f.Variation, want[field])
		}
	}
	for field := range want {
		if !seen[field] {
			t.Errorf("%s is not found", field)
		}
	}
	if races := res.Report.Verification.Attribution.Races; len(races) > 0 {
		t.Errorf("races: %v", races)
	}
	t.Logf("%d builds", res.Report.Verification.Builds)
}

// TestThePinnedWorldMakesStockToolsReproducible: all builds are one.
func TestThePinnedWorldMakesStockToolsReproducible(t *testing.T) {
	isolated(t)
	private(t)
	inFolder(t, many())
	n := *pinnedBuilds
	if testing.Short() {
		n = 3
	}
	res, err := Command(context.Background(), stock(t), Options{Pin: true, Repeat: n})
	if err != nil {
		t.Fatal(err)
	}
	if p := res.Report.Verification.Repeat; len(p.Results) != 1 || p.Runs != n {
		t.Errorf("%+v", p)
	}
}

// TestOwnBuilderIsTheSameInEveryWorld: one hash for each layout.
func TestOwnBuilderIsTheSameInEveryWorld(t *testing.T) {
	if testing.Short() {
		t.Skip("builds each layout several times")
	}
	isolated(t)
	private(t)
	t.Setenv("BUILDER", "real")
	inFolder(t, many())
	rnd := rand.New(rand.NewPCG(7, 11))
	for _, layout := range []string{spec.TableNone, spec.TableLegacy, spec.TableLegacyGPT, spec.TableEFI, spec.TableHybrid, spec.TableEFIXBootldr} {
		text := fmt.Sprintf("partitionTableType: %s\nadditionalSpace: 1M\nbootSize: %s\ncontents:\n- source: many\n  target: /srv\n", layout, map[bool]string{true: "256M", false: "64M"}[layout == spec.TableEFIXBootldr])
		if err := os.WriteFile("spec.yaml", []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		opt := Options{Builder: &Program{Path: self, Args: []string{"build"}}}
		j, err := specJob("spec.yaml", opt)
		if err != nil {
			t.Fatal(err)
		}
		w, err := newWork("")
		if err != nil {
			t.Fatal(err)
		}
		defer w.remove()
		l := newLab(j, opt, w)
		digests := map[string]string{}
		for n := range max(*variedBuilds, 2) {
			m, err := l.build(context.Background(), fmt.Sprint("build ", n), anyWorld(l.machine, n, rnd), false, false)
			if err != nil {
				t.Fatalf("%s: %v", layout, err)
			}
			if err := l.seal(context.Background(), m); err != nil {
				t.Fatal(err)
			}
			l.discard(m)
			digests[m.digest] = fmt.Sprintf("%+v", m.world)
		}
		if len(digests) != 1 {
			t.Errorf("%s: %d results: %v", layout, len(digests), digests)
		}
	}
}

// anyWorld is the pinned world for the first build, one that differs in
// everything for the second, and then one of many.
func anyWorld(m world.Machine, n int, rnd *rand.Rand) world.World {
	w := world.Pinned(world.DefaultStart)
	for _, name := range world.Names() {
		if name == world.Load || n == 0 || n > 1 && rnd.IntN(2) == 0 {
			continue
		}
		if v, err := world.Vary(w, name, m); err == nil {
			w = v
		}
	}
	if n > 1 {
		w.Random.Seed, w.PID = fmt.Sprint("seed ", n), 1000+rnd.IntN(20000)
	}
	return w
}

// TestAnotherWorldIsAlwaysAnother: what the test above varies is varied.
func TestAnotherWorldIsAlwaysAnother(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 11))
	var seen []string
	for n := range 50 {
		s := fmt.Sprintf("%+v", anyWorld(world.ReadMachine(), n, rnd))
		if slices.Contains(seen, s) {
			t.Errorf("world %d was there before", n)
		}
		seen = append(seen, s)
	}
}

// TestInterruptedBuildsLeaveNothing: whenever it happens.
func TestInterruptedBuildsLeaveNothing(t *testing.T) {
	isolated(t)
	private(t)
	for _, at := range []int{1, 2, 3, 4, 6} {
		ctx, cancel := context.WithCancel(context.Background())
		stages := 0
		dir := t.TempDir()
		opt := Options{Attribute: true, Out: filepath.Join(dir, "deep", "image"), Progress: func(string, int64, int64) {
			if stages++; stages == at {
				cancel()
			}
		}}
		_, err := Command(ctx, []string{"sh", "-c", "date > $out"}, opt)
		cancel()
		if err == nil {
			t.Errorf("stage %d: no error", at)
		}
		if entries, _ := os.ReadDir(dir); len(entries) > 0 {
			t.Errorf("stage %d: left %v", at, entries)
		}
	}
}
