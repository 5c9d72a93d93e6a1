package closure

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/reprodisk/reprodisk/internal/ondisk/sqlite"
	"github.com/reprodisk/reprodisk/internal/patherr"
)

// Local is a source: the store on this machine. Its database is read without
// Nix where that is possible; where it is in use at this moment, so that a part
// of it stands in a write-ahead log beside it, nix-store is asked instead.
type Local struct {
	// Root is the folder that stands for /; "" is / itself.
	Root string
}

func (l Local) String() string {
	if l.Root == "" {
		return "this machine's Nix store"
	}
	return "the Nix store in " + l.Root
}

// Closure asks the database, or else nix-store.
func (l Local) Closure(ctx context.Context, roots []string) ([]Path, error) {
	paths, err := Database(l).Closure(ctx, roots)
	if err == nil || ctx.Err() != nil {
		return paths, err
	}
	if _, missing := exec.LookPath("nix-store"); missing != nil {
		return nil, err
	}
	return Command(l).Closure(ctx, roots)
}

// Database is a source: the database of the store on this machine, which is
// read only, and without Nix.
type Database struct {
	// Root is the folder that stands for /; "" is / itself.
	Root string
}

func (d Database) file() string { return filepath.Join("/", d.Root, "nix/var/nix/db/db.sqlite") }

func (d Database) String() string { return d.file() }

// Closure tells about all valid paths of the store. It fails where the database
// is in use.
func (d Database) Closure(ctx context.Context, _ []string) ([]Path, error) {
	paths, err := d.read(ctx)
	switch {
	case err == nil || ctx.Err() != nil:
		return paths, err
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s: no such file: where the Nix store lies elsewhere, name its root in storeRoot, and a file about it in registration", d.file())
	}
	return nil, fmt.Errorf("%s: %w", d.file(), patherr.Bare(err))
}

func (d Database) read(ctx context.Context) ([]Path, error) {
	f, err := os.Open(d.file())
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for _, beside := range []string{"-wal", "-journal"} {
		switch fi, err := os.Stat(d.file() + beside); {
		case err == nil && fi.Size() > 0:
			return nil, errors.New("is in use: a part of it stands in db.sqlite" + beside + "; try again when Nix is idle, or name a registration file")
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return nil, err
		}
	}
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	db, err := sqlite.Open(f, fi.Size())
	if err != nil {
		return nil, err
	}
	objects, err := db.Schema(ctx)
	if err != nil {
		return nil, err
	}
	var paths []Path
	place := map[int64]int{}
	err = table(ctx, db, objects, "ValidPaths", []string{"path", "hash", "narSize", "deriver"}, func(id int64, v []sqlite.Value) error {
		p := Path{Path: string(v[0].Bytes), NarSize: v[2].Int, Deriver: string(v[3].Bytes)}
		if err := checkPath(p.Path); err != nil {
			return err
		}
		hash, err := parseHash(string(v[1].Bytes))
		if err != nil {
			return fmt.Errorf("%s: %w", p.Path, err)
		}
		p.NarHash = hash
		place[id] = len(paths)
		paths = append(paths, p)
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = table(ctx, db, objects, "Refs", []string{"referrer", "reference"}, func(_ int64, v []sqlite.Value) error {
		from, ok1 := place[v[0].Int]
		to, ok2 := place[v[1].Int]
		if !ok1 || !ok2 {
			return fmt.Errorf("a reference from path %d to path %d, which are not both there", v[0].Int, v[1].Int)
		}
		paths[from].References = append(paths[from].References, paths[to].Path)
		return nil
	})
	return paths, err
}

// table calls fn for each row of a table, with the values of some columns.
func table(ctx context.Context, db *sqlite.DB, objects []sqlite.Object, name string, columns []string, fn func(id int64, v []sqlite.Value) error) error {
	for _, o := range objects {
		if o.Type != "table" || o.Name != name {
			continue
		}
		t, err := sqlite.ParseTable(o.SQL)
		if err != nil {
			return err
		}
		at := make([]int, len(columns))
		for i, c := range columns {
			at[i] = -1
			for j := range t.Columns {
				if t.Columns[j].Name == c {
					at[i] = j
				}
			}
			if at[i] < 0 {
				return fmt.Errorf("the table %s has no column %s", name, c)
			}
		}
		v := make([]sqlite.Value, len(columns))
		return db.Rows(ctx, o.Root, t, func(r sqlite.Row) error {
			for i, j := range at {
				if j >= len(r.Values) {
					return fmt.Errorf("row %d of %s has %d values", r.ID, name, len(r.Values))
				}
				v[i] = r.Values[j]
			}
			return fn(r.ID, v)
		})
	}
	return fmt.Errorf("has no table %s: no database of Nix", name)
}

// Command is a source: the nix-store program.
type Command struct {
	// Root is the folder that stands for /; "" is / itself.
	Root string
}

func (c Command) String() string { return Local(c).String() }

// atATime is how many paths one call of nix-store is given: some 40 KB, far
// below what a command line holds.
const atATime = 500

// Closure asks nix-store for the roots' closure, and about each path of it.
func (c Command) Closure(ctx context.Context, roots []string) ([]Path, error) {
	if len(roots) == 0 {
		return nil, nil
	}
	list, err := c.run(ctx, append([]string{"--query", "--requisites"}, roots...)...)
	if err != nil {
		return nil, err
	}
	names := strings.Fields(string(list))
	var out []Path
	for len(names) > 0 {
		n := min(atATime, len(names))
		dump, err := c.run(ctx, append([]string{"--dump-db"}, names[:n]...)...)
		if err != nil {
			return nil, err
		}
		paths, err := ParseRegistration(bytes.NewReader(dump))
		if err != nil {
			return nil, fmt.Errorf("nix-store --dump-db: %w", err)
		}
		out, names = append(out, paths...), names[n:]
	}
	return out, nil
}

func (c Command) run(ctx context.Context, args ...string) ([]byte, error) {
	if c.Root != "" {
		root, err := filepath.Abs(c.Root)
		if err != nil {
			return nil, err
		}
		args = append([]string{"--store", "local?root=" + root}, args...)
	}
	cmd := exec.CommandContext(ctx, "nix-store", args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		said := strings.TrimSpace(stderr.String())
		if _, last, more := strings.Cut(said, "error: "); more {
			said = last
		}
		if first, _, more := strings.Cut(said, "\n"); more {
			said = first
		}
		if said == "" {
			said = err.Error()
		}
		return nil, fmt.Errorf("nix-store: %s", said)
	}
	return out, nil
}
