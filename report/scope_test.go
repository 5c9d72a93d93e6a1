package report

import "testing"

func TestGlobs(t *testing.T) {
	for _, c := range []struct {
		glob, s string
		want    bool
	}{
		{"s_uuid", "s_uuid", true},
		{"s_uuid", "s_uuid2", false},
		{"i_?time", "i_mtime", true},
		{"i_?time", "i_crtime", false},
		{"*", "", true},
		{"*", "a/b", true},
		{"/var/*", "/var/log/x", true},
		{"/var/*", "/etc/x", false},
		{"*a*b*c", "xxaxxbxxbxc", true},
		{"*a*b*c", "xxaxxbxxbx", false},
		{"", "", true},
		{"", "x", false},
		{"a?", "a", false},
		{"**x", "x", true},
	} {
		if got := Glob(c.glob).Match(c.s); got != c.want {
			t.Errorf("Glob(%q).Match(%q) = %v", c.glob, c.s, got)
		}
	}
}

func scoped(t *testing.T, s Scope) *Report {
	t.Helper()
	r := many()
	if err := r.Finish(); err != nil {
		t.Fatal(err)
	}
	if err := r.Apply(s); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestScopeAllowsWithAReason(t *testing.T) {
	whole := scoped(t, Scope{Partition: -1})
	if whole.Verdict != Unreproducible {
		t.Fatal("the sample is reproducible")
	}
	all := scoped(t, Scope{Partition: -1, Ignore: []string{"*"}})
	if all.Verdict != Reproducible || all.DifferingBytes != whole.DifferingBytes {
		t.Errorf("ignoring all gives %s, %d bytes", all.Verdict, all.DifferingBytes)
	}
	for _, f := range all.Findings {
		if f.Allowed != "ignored: --ignore *" {
			t.Errorf("%s is allowed because %q", f.ID, f.Allowed)
		}
	}
	for _, f := range whole.Findings {
		if f.File == "" || f.Derived {
			continue
		}
		r := scoped(t, Scope{Partition: -1, Exclude: []string{f.File}})
		for _, g := range r.Findings {
			if (g.Allowed != "") != (g.File == f.File) && len(g.Files) == 0 {
				t.Errorf("excluding %s: %s is allowed because %q", f.File, g.ID, g.Allowed)
			}
		}
	}
}

func TestScopeKeepsOnePartition(t *testing.T) {
	whole := scoped(t, Scope{Partition: -1})
	var sum int64
	for _, n := range []int{0, 1, 2, 3, 4, 5} {
		r := scoped(t, Scope{Partition: n})
		sum += r.DifferingBytes
		for _, f := range r.Findings {
			if f.Partition != n {
				t.Errorf("partition %d has %s", n, f.ID)
			}
		}
	}
	if sum != whole.DifferingBytes {
		t.Errorf("the partitions' bytes are %d, the disk's %d", sum, whole.DifferingBytes)
	}
}

func TestExcludedFoldersTakeWhatIsBelow(t *testing.T) {
	for _, c := range []struct {
		glob, file string
		want       bool
	}{
		{"/var/log", "/var/log/a/b", true},
		{"/var/log/", "/var/log/a", true},
		{"*.pyc", "/usr/lib/x.pyc", true},
		{"*.pyc", "/usr/lib.pyc/x", false},
		{"/var/log", "/var/logs", false},
		{"/var/l*", "/var/logs/x", true},
	} {
		if got := excluding([]string{c.glob}, c.file) != ""; got != c.want {
			t.Errorf("--exclude %s of %s: %v", c.glob, c.file, got)
		}
	}
}
