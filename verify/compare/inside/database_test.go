package inside

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/ondisk/efivars"
	"github.com/reprodisk/reprodisk/report"
)

func database(t *testing.T, sql string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "db.sqlite")
	if r := judge.RunInput(t, sql, "sqlite3", "-bail", path); r.Status != 0 {
		t.Fatalf("sqlite3: %s", r.Stderr)
	}
	return file(t, path)
}

// nix is the schema of a Nix database, as far as it matters here.
const nix = `
create table if not exists ValidPaths (
    id integer primary key autoincrement not null,
    path text unique not null,
    hash text not null,
    registrationTime integer not null,
    narSize integer
);
create table if not exists Refs (
    referrer integer not null,
    reference integer not null,
    primary key (referrer, reference),
    foreign key (referrer) references ValidPaths(id) on delete cascade
);
`

func TestNixRegistrationTime(t *testing.T) {
	fill := func(time string) string {
		return nix + `insert into ValidPaths values (1, '/nix/store/a', 'sha256:x', ` + time + `, 10), (2, '/nix/store/b', 'sha256:y', ` + time + `, 20);
insert into Refs values (2, 1), (2, 2);`
	}
	a, b := database(t, fill("1700000000")), database(t, fill("1700000031"))
	x := explain(t, "/nix/var/nix/db/db.sqlite", a, b)
	wantRoots(t, x, "SQLite", report.Time, "ValidPaths[id=1] registrationTime", "ValidPaths[id=2] registrationTime")
	if x.Remedy != "sqlite3 db.sqlite 'UPDATE ValidPaths SET registrationTime = 1'" {
		t.Errorf("remedy %q", x.Remedy)
	}
	if f := x.Fields[0]; f.A != "1700000000" || f.B != "1700000031" {
		t.Errorf("%+v", f)
	}
	for _, tool := range []string{"gzip", "zstd"} { // as a backup of it would be
		x = explain(t, "/backup", in(t, ".", string(a), tool, "-c"), in(t, ".", string(b), tool, "-c"))
		if x.Kind != "SQLite in "+tool || x.Cause != report.Time {
			t.Errorf("%s: %+v", tool, x)
		}
	}
	b = database(t, fill("1700000000")+`delete from Refs where referrer = 2 and reference = 1; insert into ValidPaths values (3, '/nix/store/c', 'z', 1, 2);`)
	x = explain(t, "/nix/var/nix/db/db.sqlite", a, b)
	wantRoots(t, x, "SQLite", report.Content, "ValidPaths[id=3] row", "sqlite_sequence[rowid=1] seq", "Refs[referrer=2, reference=1] row")
}

func TestSQLiteOrderAndPlacement(t *testing.T) {
	const table = "create table t (a, b);"
	a := database(t, table+"insert into t values (1, 'x'), (2, 'y');")
	x := explain(t, "/x.db", a, database(t, table+"insert into t values (2, 'y'), (1, 'x');"))
	wantRoots(t, x, "SQLite", report.Order, "t order")
	x = explain(t, "/x.db", a, database(t, table+"insert into t values (1, 'x'), (2, 'y'), (3, printf('%.*c', 9000, 'z')); delete from t where a = 3;"))
	wantRoots(t, x, "SQLite", report.Placement, "pages")
	flipped := bytes.Clone(a)
	flipped[len(a)/2+100] ^= 0x40 // between the cells and the pointers to them
	x = explain(t, "/x.db", a, flipped)
	wantRoots(t, x, "SQLite", report.Content, "content")
	x = explain(t, "/x.db", a, database(t, "create table t (a, b, c);"))
	wantRoots(t, x, "SQLite", report.Content, "schema > table t sql")
}

func variables(t *testing.T, list ...efivars.Variable) []byte {
	t.Helper()
	s := efivars.Store{
		Volume:        efivars.VolumeHeader{FileSystemGUID: efivars.NVDataGUID, FvLength: 8192, Revision: 2},
		BlockMap:      []byte{2, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		Header:        efivars.StoreHeader{Size: 4096},
		Authenticated: true,
		Variables:     list,
	}
	b, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestEFIVariables(t *testing.T) {
	boot := efivars.Variable{AuthenticatedHeader: efivars.AuthenticatedHeader{State: efivars.Added, Attributes: 7}, Name: "Boot0000", Data: []byte{0, 1, 2}}
	key := efivars.Variable{AuthenticatedHeader: efivars.AuthenticatedHeader{State: efivars.Added, Attributes: 0x27, TimeStamp: efivars.Time{Year: 2024, Month: 1, Day: 2}}, Name: "PK", Data: []byte("key")}
	a := variables(t, boot, key)
	const none = "-00000000-0000-0000-0000-000000000000"

	later := key
	later.TimeStamp.Minute = 7
	x := explain(t, "/efi-vars.fd", a, variables(t, boot, later))
	wantRoots(t, x, "EFI variable store", report.Time, "PK"+none+" TimeStamp.Minute")

	x = explain(t, "/efi-vars.fd", a, variables(t, key, boot))
	wantRoots(t, x, "EFI variable store", report.Order, "order")

	other := boot
	other.Data = []byte{0, 1, 9}
	x = explain(t, "/efi-vars.fd", a, variables(t, other, key))
	wantRoots(t, x, "EFI variable store", report.Content, "Boot0000"+none+" content")

	leftover := bytes.Clone(a)
	leftover[3000] = 0
	x = explain(t, "/efi-vars.fd", a, leftover)
	wantRoots(t, x, "EFI variable store", report.Residue, "free space of the store")
	leftover = bytes.Clone(a)
	leftover[8000] = 0
	x = explain(t, "/efi-vars.fd", a, leftover)
	wantRoots(t, x, "EFI variable store", report.Residue, "working and spare blocks")

	token := efivars.Variable{AuthenticatedHeader: boot.AuthenticatedHeader, Name: "LoaderSystemToken", Data: []byte("0123456789abcdef")}
	again := token
	again.Data = []byte("\xff\xfe23456789abcdef")
	x = explain(t, "/efi-vars.fd", variables(t, token), variables(t, again))
	wantRoots(t, x, "EFI variable store", report.Random, "LoaderSystemToken"+none+" content")
}
