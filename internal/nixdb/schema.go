package nixdb

import "strings"

// SchemaVersion is what the file "schema" beside the database says.
const SchemaVersion = "10"

// RegistrationTime is when every path was registered, in seconds since 1970:
// the time that files in the store have.
const RegistrationTime = 1

// Root pages, in the order in which Nix creates what they hold.
const (
	schemaRoot = 1 + iota
	validPathsRoot
	validPathsByPathRoot
	sequenceRoot
	refsRoot
	refsKeyRoot
	referrerRoot
	referenceRoot
	outputsRoot
	outputsKeyRoot
	outputsByPathRoot
	roots = outputsByPathRoot
)

// object is a row of sqlite_schema (section 2.6).
type object struct {
	kind, name, table string
	root              int64  // 0 for a trigger
	sql               string // none for what SQLite makes by itself
}

// objects are the tables, indexes and triggers of Nix's schema 10.
var objects = []object{
	{"table", "ValidPaths", "ValidPaths", validPathsRoot, lines(
		`CREATE TABLE ValidPaths (`,
		`    id               integer primary key autoincrement not null,`,
		`    path             text unique not null,`,
		`    hash             text not null,`,
		`    registrationTime integer not null,`,
		`    deriver          text,`,
		`    narSize          integer,`,
		`    ultimate         integer,`,
		`    sigs             text,`,
		`    ca               text`,
		`)`,
	)},
	{"index", "sqlite_autoindex_ValidPaths_1", "ValidPaths", validPathsByPathRoot, ""},
	{"table", "sqlite_sequence", "sqlite_sequence", sequenceRoot, `CREATE TABLE sqlite_sequence(name,seq)`},
	{"table", "Refs", "Refs", refsRoot, lines(
		`CREATE TABLE Refs (`,
		`    referrer  integer not null,`,
		`    reference integer not null,`,
		`    primary key (referrer, reference),`,
		`    foreign key (referrer) references ValidPaths(id) on delete cascade,`,
		`    foreign key (reference) references ValidPaths(id) on delete restrict`,
		`)`,
	)},
	{"index", "sqlite_autoindex_Refs_1", "Refs", refsKeyRoot, ""},
	{"index", "IndexReferrer", "Refs", referrerRoot, `CREATE INDEX IndexReferrer on Refs(referrer)`},
	{"index", "IndexReference", "Refs", referenceRoot, `CREATE INDEX IndexReference on Refs(reference)`},
	{"trigger", "DeleteSelfRefs", "ValidPaths", 0, lines(
		`CREATE TRIGGER DeleteSelfRefs before delete on ValidPaths`,
		`  begin`,
		`    delete from Refs where referrer = old.id and reference = old.id;`,
		`  end`,
	)},
	{"table", "DerivationOutputs", "DerivationOutputs", outputsRoot, lines(
		`CREATE TABLE DerivationOutputs (`,
		`    drv  integer not null,`,
		`    id   text not null,`,
		`    path text not null,`,
		`    primary key (drv, id),`,
		`    foreign key (drv) references ValidPaths(id) on delete cascade`,
		`)`,
	)},
	{"index", "sqlite_autoindex_DerivationOutputs_1", "DerivationOutputs", outputsKeyRoot, ""},
	{"index", "IndexDerivationOutputs", "DerivationOutputs", outputsByPathRoot, `CREATE INDEX IndexDerivationOutputs on DerivationOutputs(path)`},
}

func lines(l ...string) string { return strings.Join(l, "\n") }
