package stage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/build/spec"
	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/tree"
)

const epoch = 1_000_000_000

// plant makes files in a folder: "path" → content, "path/" a folder,
// "path -> target" a link.
func plant(t testing.TB, dir string, what ...string) {
	t.Helper()
	for _, w := range what {
		name, content, _ := strings.Cut(w, "=")
		var err error
		if link, target, ok := strings.Cut(name, " -> "); ok {
			must(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, link)), 0o755))
			err = os.Symlink(target, filepath.Join(dir, link))
		} else if strings.HasSuffix(name, "/") {
			err = os.MkdirAll(filepath.Join(dir, name), 0o755)
		} else {
			must(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
			err = os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644)
		}
		must(t, err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// entries are "source target [mode [user group]]", "-" for none.
func entries(dir string, lines ...string) []spec.Content {
	var out []spec.Content
	for i, l := range lines {
		f := append(strings.Fields(l), "", "", "", "")
		for j := range f {
			f[j] = strings.TrimPrefix(f[j], "-")
		}
		out = append(out, spec.Content{
			Source: f[0], Target: f[1], Mode: f[2], User: f[3], Group: f[4], Dir: dir,
			Pos: spec.Pos{File: "s.yaml", Line: i + 1},
		})
	}
	return out
}

func stage(t testing.TB, dir string, lines ...string) *Staged {
	t.Helper()
	s, err := Stage(context.Background(), entries(dir, lines...), Options{Epoch: epoch})
	must(t, err)
	return s
}

// list is the tree, one line a node: path, mode, owner, and a link's target.
func list(root *tree.Node, owners bool) string {
	var b strings.Builder
	_ = root.Walk(func(p string, n *tree.Node) error {
		fmt.Fprintf(&b, "%s %o", p, n.Mode)
		if owners {
			fmt.Fprintf(&b, " %d:%d", n.UID, n.GID)
		}
		if n.Type() == tree.Symlink {
			fmt.Fprintf(&b, " -> %s", n.Target)
		}
		b.WriteByte('\n')
		return nil
	})
	return b.String()
}

// Make-disk-image's own staging loop, taken apart for a root without spaces in it:
// what it makes of the same entries is what we make of them.
const seedLoop = `set -e
umask 022
root=$1; shift; mkdir -p $root
while [ $# -gt 0 ]; do
  source=$1 target=$2 mode=$3; shift 3
  flags="-a --no-o --no-g"
  [ -z "$mode" ] || flags="$flags --chmod=$mode"
  case $source in
  *\**) mkdir -p $root/$target; for fn in $source; do rsync $flags "$fn" $root/$target/; done;;
  *) mkdir -p $root/$(dirname $target)
    if [ -e $root/$target ]; then echo "duplicate entry $target -> $source"; exit 1
    elif [ -d $source ]; then rsync $flags $source/ $root/$target
    else rsync $flags $source $root/$target; fi;;
  esac
done`

func TestEntriesMeanWhatTheSeedMakesOfThem(t *testing.T) {
	judge.Root(t)
	judge.Tool(t, "rsync")
	src := t.TempDir()
	plant(t, src, "file=x", "dir/a=1", "dir/.hidden=2", "dir/sub/deep/b=3", "dir/l -> a", "dir/abs -> /etc", "empty/",
		"tolink -> file", "todir -> dir", "dangling -> nowhere", "many/one.txt=", "many/two.txt=", "many/.dot.txt=", "many/d.txt/in=", "many/x.c=", "many/l.txt -> one.txt",
		"many/[x].txt=", "a/1/conf=1", "b/1/data=2", "many/sub1/f=", "many/sub2/g=")
	must(t, os.Chmod(filepath.Join(src, "dir/sub"), 0o2711))
	must(t, os.Chmod(filepath.Join(src, "file"), 0o4711&0o777|os.ModeSetuid))
	must(t, syscall.Mkfifo(filepath.Join(src, "dir/fifo"), 0o640))
	must(t, syscall.Mknod(filepath.Join(src, "dir/null"), syscall.S_IFCHR|0o666, 1<<8|3))
	for _, lines := range [][]string{
		{"file /file"},
		{"file etc/x/file", "file etc/y 600"},
		{"file /etc/"},
		{"dir /d"},
		{"dir/ d/e/"},
		{"dir /d D700,F600"},
		{"dir /d 644"},
		{"dir /d u+rwX,go-rwx"},
		{"empty /e"},
		{"todir /d"},
		{"tolink /l 600"},
		{"dangling /l"},
		{"many/* /m"},
		{"many/*.txt m/ F600"},
		{"many/[!xl]* m", "many/?ne.t*t m2"},
		{"*/1 m"},
		{"*/1/conf m"},
		{"many/.* m"},
		{"many/*/ m"},
		{"dir/fifo f", "dir/null n"},
		{"dir /d", "file /d/more", "file /d/sub/deep/c 400"},
		{"dir /d", "many/*.c /d"},
		{"dir /d", "*/1 /d"},
		{"file //a//b/./c"},
	} {
		t.Run(strings.Join(lines, ","), func(t *testing.T) {
			t.Parallel()
			root := filepath.Join(t.TempDir(), "root")
			args := []string{"-c", seedLoop, "bash", root}
			for _, e := range entries(src, lines...) {
				args = append(args, src+"/"+e.Source, e.Target, e.Mode)
			}
			cmd := exec.Command("bash", args...)
			cmd.Env = append(os.Environ(), "LC_ALL=C")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			var seed strings.Builder
			must(t, filepath.WalkDir(root, func(p string, _ os.DirEntry, err error) error {
				must(t, err)
				rel := strings.TrimPrefix(p, root)
				if rel == "" {
					rel = "/"
				}
				fmt.Fprintf(&seed, "%s %o", rel, lmode(t, p))
				if target, err := os.Readlink(p); err == nil {
					fmt.Fprintf(&seed, " -> %s", target)
				}
				seed.WriteByte('\n')
				return nil
			}))
			if d := cmp.Diff(seed.String(), list(stage(t, src, lines...).Root, false)); d != "" {
				t.Errorf("-seed +ours\n%s", d)
			}
		})
	}
}

func TestErrorsNameTheEntry(t *testing.T) {
	src := t.TempDir()
	plant(t, src, "f=", "d/f=", "d/etc/passwd=root:x:0:0::/:\n", "d/loop -> loop", "d/x -> y", "d/y -> x", "m/a/f=", "m/b/f=")
	for _, c := range []struct{ lines, want string }{
		{"nope /x", "s.yaml:1: source nope: no such file or directory"},
		{"f/ /x", "s.yaml:1: source f/: not a directory"},
		{"no* /x", "s.yaml:1: source no* matches nothing"},
		{"f /x; f /x", "s.yaml:2: duplicate entry /x -> f"},
		{"f /x/y; d /x", "s.yaml:2: duplicate entry /x -> d"},
		{"d /; f /f", "s.yaml:2: duplicate entry /f -> f"},
		{"f /f; d /", "s.yaml:2: duplicate entry /f -> d/f"},
		{"d /; d /etc; d /etc", "s.yaml:3: duplicate entry /etc/etc/passwd -> d"},
		{"m/*/f /x", "s.yaml:1: duplicate entry /x/f -> m/b/f"},
		{"f /x; f /x/y", `s.yaml:2: target /x/y goes through "x", which is no directory`},
		{"d /; f /loop/y", "s.yaml:2: target /loop/y goes through more than 40 links: they loop"},
		{"d /; f /x/y", "s.yaml:2: target /x/y goes through more than 40 links: they loop"},
		{"f /a/../../x", `s.yaml:1: target "/a/../../x" holds ".."`},
		{"f /x u+q", `s.yaml:1: mode "u+q" is not one that rsync's --chmod takes; write 755, D755,F644 or u+rwX,go-w`},
		{"f /x - bin bin", `s.yaml:1: /x: user "bin" cannot be looked up, the image's /etc/passwd: no such file in the image; a number needs no file`},
		{"d /; f /z - root bin", `s.yaml:2: /z: group "bin" cannot be looked up, the image's /etc/group: no such file in the image; a number needs no file`},
		{"d /; f /z - alice root", `s.yaml:2: /z: user "alice" is not in the image's /etc/passwd`},
		{"f /x - 4294967295 0", "s.yaml:1: /x: user 4294967295 is larger than 4294967294"},
	} {
		_, err := Stage(context.Background(), entries(src, strings.Split(c.lines, ";")...), Options{})
		if err == nil || err.Error() != c.want {
			t.Errorf("%s:\n got %v\nwant %s", c.lines, err, c.want)
		}
	}
}

func TestRootTargetBringsTheRootAndLaterEntriesGraft(t *testing.T) {
	src := t.TempDir()
	plant(t, src, "base/etc/motd=", "base/.dot=", "more/etc2=", "more/conf.d/x=", "f=")
	must(t, os.Chmod(filepath.Join(src, "base"), 0o700))
	got := list(stage(t, src, "base /", "more /etc", "f /etc/conf.d/y", "f /new/z").Root, false)
	want := `/ 40700
/.dot 100644
/etc 40755
/etc/conf.d 40755
/etc/conf.d/x 100644
/etc/conf.d/y 100644
/etc/etc2 100644
/etc/motd 100644
/new 40755
/new/z 100644
`
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestLinksInTheTreeNeverLeadOut(t *testing.T) {
	outside := t.TempDir()
	src := t.TempDir()
	plant(t, src, "base/abs -> "+outside, "base/up -> ../../../../..", "base/usr/bin/sh=", "base/bin -> usr/bin", "base/var/run -> /run", "f=")
	got := list(stage(t, src, "base /", "f /abs/one", "f /up/two", "f /bin/three", "f /var/run/four", "f* /bin").Root, false)
	for _, want := range []string{outside + "/one 100644\n", "/two 100644\n", "/usr/bin/three 100644\n", "/run/four 100644\n", "/usr/bin/f 100644\n"} {
		if !strings.Contains(got, "\n"+want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	if names, _ := os.ReadDir(outside); len(names) > 0 {
		t.Error("something was written outside")
	}
}

func TestOwners(t *testing.T) {
	src := t.TempDir()
	plant(t, src, "base/etc/passwd=root:x:0:0\nalice:x:1000:100\nalice:x:7:7\nbad\n", "base/etc/static/group=root:x:0\nusers:x:100:alice\n",
		"base/etc/group -> static/group", "d/f=", "d/l -> f", "d/sub/g=")
	must(t, os.Chmod(filepath.Join(src, "d/f"), 0o755|os.ModeSetuid))
	s := stage(t, src, "d /home - alice users", "d /srv - 33 44", "base /", "d/f /home/sub/late - 0 0")
	if d := cmp.Diff(`/ 40755 0:0
/etc 40755 0:0
/etc/group 120777 0:0 -> static/group
/etc/passwd 100644 0:0
/etc/static 40755 0:0
/etc/static/group 100644 0:0
/home 40755 1000:100
/home/f 104755 1000:100
/home/l 120777 1000:100 -> f
/home/sub 40755 1000:100
/home/sub/g 100644 1000:100
/home/sub/late 104755 0:0
/srv 40755 33:44
/srv/f 104755 33:44
/srv/l 120777 33:44 -> f
/srv/sub 40755 33:44
/srv/sub/g 100644 33:44
`, list(s.Root, true)); d != "" {
		t.Error(d)
	}
	// In the order of the entries: a later one on a parent overrides.
	s = stage(t, src, "d/f /a/b/f - 1 1", "d/sub /a/c - 2 2", "d/* /a - 3 3")
	if n, _ := file(s.Root, "/a/b/f"); n.UID != 3 {
		t.Error(n.UID)
	}
}

func TestAModeThatClosesDirectoriesIsWarnedOf(t *testing.T) {
	src := t.TempDir()
	plant(t, src, "d/sub/f=")
	want := []string{"s.yaml:1: mode 644 leaves the directory /x without the right to enter it; D755,F644 keeps directories open"}
	if d := cmp.Diff(want, stage(t, src, "d /x 644").Warnings); d != "" {
		t.Error(d)
	}
	if w := stage(t, src, "d /x u+rwX,go-w", "d/sub/f /f 644").Warnings; len(w) > 0 {
		t.Error(w)
	}
}

func TestHardLinksTimesAndSpecialFiles(t *testing.T) {
	judge.Root(t)
	src := t.TempDir()
	plant(t, src, "d/a=1", "d/sub/c=1", "e=")
	must(t, os.Link(filepath.Join(src, "d/a"), filepath.Join(src, "d/sub/b")))
	must(t, syscall.Mknod(filepath.Join(src, "d/dev"), syscall.S_IFBLK|0o660, int(unix.Mkdev(259, 300))))
	old := time.Unix(epoch-10, 123456789)
	must(t, os.Chtimes(filepath.Join(src, "d/a"), time.Now(), old))
	s := stage(t, src, "d /x", "d /y", "e /e", "d* /z")
	at := func(p string) *tree.Node { n, err := file(s.Root, p); must(t, err); return n }
	if at("/x/a").Inode != at("/x/sub/b").Inode || at("/z/d/a").Inode != at("/z/d/sub/b").Inode {
		t.Error("hard links came apart")
	}
	if at("/x/a").Inode == at("/y/a").Inode || at("/x/a").Inode == at("/x/sub/c").Inode {
		t.Error("two files became one")
	}
	now := tree.Time{Sec: epoch}
	a := at("/x/a")
	if (a.Mtime != tree.Time{Sec: epoch - 10, Nsec: 123456789}) || a.Atime != now || a.Ctime != now || a.Btime != now {
		t.Errorf("%+v", a.Inode)
	}
	if at("/e").Mtime != now || at("/z").Mtime != now {
		t.Error("a time after the epoch")
	}
	if d := at("/x/dev"); d.Major != 259 || d.Minor != 300 {
		t.Error(d.Major, d.Minor)
	}
}

func TestXattrsACLsAndCapabilitiesStay(t *testing.T) {
	judge.Root(t)
	src := t.TempDir()
	plant(t, src, "d/f=")
	f := filepath.Join(src, "d/f")
	if err := unix.Setxattr(f, "user.note", []byte("hello"), 0); errors.Is(err, unix.ENOTSUP) {
		t.Skip("the temporary folder holds no extended attributes")
	}
	caps := "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	must(t, unix.Setxattr(f, "security.capability", []byte(caps), 0))
	must(t, unix.Setxattr(f, "trusted.t", []byte("1"), 0))
	judge.Must(t, "setfacl", "-m", "u:1234:rwx,g:77:r", f)
	judge.Must(t, "setfacl", "-d", "-m", "u:1234:rwx", filepath.Join(src, "d"))
	names := func(n *tree.Node) (out []string) {
		for _, x := range n.Xattrs {
			out = append(out, x.Name)
		}
		return out
	}
	for _, mode := range []string{"", "640", "7711", "u=,g=r"} {
		s := stage(t, src, "d /d "+mode)
		n, err := file(s.Root, "/d/f")
		must(t, err)
		if d := cmp.Diff([]string{"security.capability", "system.posix_acl_access", "trusted.t", "user.note"}, names(n)); d != "" {
			t.Fatal(d)
		}
		// chmod is the judge of what a mode does to an ACL.
		twin := filepath.Join(t.TempDir(), "twin")
		must(t, os.WriteFile(twin, nil, 0o600))
		judge.Must(t, "setfacl", "-m", "u:1234:rwx,g:77:r", twin)
		must(t, unix.Setxattr(twin, aclAccess, []byte(mustXattr(t, f, aclAccess)), 0))
		must(t, syscall.Chmod(twin, n.Mode&tree.PermMask))
		if got, want := string(n.Xattrs[1].Value), mustXattr(t, twin, aclAccess); got != want {
			t.Errorf("mode %q: ACL %x, chmod makes it %x", mode, got, want)
		}
		if d, _ := file(s.Root, "/d"); len(d.Xattrs) != 1 || d.Xattrs[0].Name != aclDefault {
			t.Error(names(d))
		}
	}
	for name, want := range map[string]bool{
		"security.selinux": false, "security.ima": false, "trusted.overlay.opaque": false, "system.nfs4_acl": false, "user.": true, "trusted.x": true,
	} {
		if keepXattr(name) != want {
			t.Error(name)
		}
	}
}

func mustXattr(t *testing.T, path, name string) string {
	t.Helper()
	b, err := grow(func(b []byte) (int, error) { return unix.Lgetxattr(path, name, b) })
	must(t, err)
	return string(b)
}

func TestTheTreeDoesNotDependOnTheHost(t *testing.T) {
	plantAll := func(dir string, names []string) {
		for _, n := range names {
			plant(t, dir, n)
		}
		must(t, filepath.WalkDir(dir, func(p string, _ os.DirEntry, err error) error {
			return os.Chtimes(p, time.Now(), time.Unix(epoch-5, 0))
		}))
	}
	var names []string
	for i := range 1100 {
		names = append(names, fmt.Sprintf("d/%d/f%d=%d", i%2, i, i))
	}
	names = append(names, "d/bytes\xff\xfe=", "d/new\nline=", "d/.dot/x=")
	one, two := t.TempDir(), filepath.Join(t.TempDir(), "else", "where")
	plantAll(one, names)
	for i := range len(names) / 2 {
		names[i], names[len(names)-1-i] = names[len(names)-1-i], names[i]
	}
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	must(t, os.MkdirAll(two, 0o755))
	plantAll(two, names)
	must(t, filepath.WalkDir(two, func(p string, e os.DirEntry, err error) error {
		mode := os.FileMode(0o644)
		if e.IsDir() {
			mode = 0o755
		}
		return os.Chmod(p, mode)
	}))
	flat := func(s *Staged, dir string) []string {
		var out []string
		_ = s.Root.Walk(func(p string, n *tree.Node) error {
			i := *n.Inode
			i.Content, i.Origin = nil, strings.TrimPrefix(i.Origin, dir)
			out = append(out, fmt.Sprintf("%q %+v", p, i))
			return nil
		})
		return out
	}
	a, err := Stage(context.Background(), entries(one, "d /", "d/*/f1* /g u+x"), Options{Epoch: epoch, Workers: 1})
	must(t, err)
	t.Chdir(filepath.Dir(two))
	b, err := Stage(context.Background(), entries("where", "d /", "d/*/f1* /g u+x"), Options{Epoch: epoch, Workers: 9})
	must(t, err)
	if d := cmp.Diff(flat(a, one), flat(b, "where")); d != "" {
		t.Error(d)
	}
}

func TestContentIsReadOnceAndAsItWasStaged(t *testing.T) {
	src := t.TempDir()
	plant(t, src, "f=hello, world", "empty=")
	p := filepath.Join(src, "f")
	open := func() (tree.Content, *tree.Node) {
		n, err := file(stage(t, src, "f /f").Root, "/f")
		must(t, err)
		return n.Content, n
	}
	c, n := open()
	r, err := c.Open()
	must(t, err)
	data, err := io.ReadAll(r)
	if err != nil || string(data) != "hello, world" || n.Size != 12 {
		t.Error(err, string(data))
	}
	var b [5]byte
	if k, err := r.ReadAt(b[:], 7); k != 5 || err != nil && err != io.EOF || string(b[:]) != "world" {
		t.Error(k, err)
	}
	must(t, r.Close())
	want := p + ": changed while it was being read"
	for what, spoil := range map[string]func(){
		"longer":    func() { must(t, os.WriteFile(p, []byte("hello, world!"), 0o644)) },
		"same size": func() { must(t, os.WriteFile(p, []byte("HELLO, WORLD"), 0o644)) },
		"a link":    func() { must(t, os.Remove(p)); must(t, os.Symlink("empty", p)) },
		"a folder":  func() { must(t, os.Remove(p)); must(t, os.Mkdir(p, 0o755)) },
		"a fifo":    func() { must(t, os.Remove(p)); must(t, syscall.Mkfifo(p, 0o644)) },
	} {
		must(t, os.RemoveAll(p))
		plant(t, src, "f=hello, world")
		must(t, os.Chtimes(p, time.Now(), time.Unix(epoch, 0)))
		c, _ := open()
		spoil()
		if _, err := c.Open(); err == nil || err.Error() != want {
			t.Errorf("%s: %v", what, err)
		}
	}
	// While it is open.
	must(t, os.RemoveAll(p))
	plant(t, src, "f=hello, world")
	c, _ = open()
	r, err = c.Open()
	must(t, err)
	must(t, os.Truncate(p, 3))
	if _, err := io.ReadAll(r); err == nil || err.Error() != want {
		t.Error(err)
	}
	r.Close()
	must(t, os.Remove(p))
	if _, err := c.Open(); err == nil || err.Error() != p+": vanished while it was being read" {
		t.Error(err)
	}
}

func TestHolesAreFound(t *testing.T) {
	src := t.TempDir()
	f, err := os.Create(filepath.Join(src, "f"))
	must(t, err)
	_, err = f.WriteAt([]byte("x"), 1<<20)
	must(t, err)
	must(t, f.Truncate(4<<20))
	must(t, f.Close())
	n, err := file(stage(t, src, "f /f").Root, "/f")
	must(t, err)
	r, err := n.Content.Open()
	must(t, err)
	defer r.Close()
	sparse := r.(tree.Sparse)
	var seen int64
	for off := int64(0); off < n.Size; {
		start, end, err := sparse.NextData(off)
		must(t, err)
		if start == end {
			break
		}
		if start < off || end > n.Size {
			t.Fatal(start, end)
		}
		seen += end - start
		if start <= 1<<20 && end > 1<<20 {
			b := make([]byte, end-start)
			if _, err := r.ReadAt(b, start); err != nil && err != io.EOF || b[1<<20-start] != 'x' {
				t.Error(err)
			}
		}
		off = end
	}
	if seen == 0 {
		t.Error("the data was not found")
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	src := t.TempDir()
	plant(t, src, "d/f=")
	if _, err := Stage(ctx, entries(src, "d /"), Options{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// seedCount is how make-disk-image counts, run in the root.
const seedCount = `cd "$1"; sum_lines() { local acc=0; while read -r number; do acc=$((acc+number)); done; echo "$acc"; }
find . ! -type d -print0 | du --files0-from=- --apparent-size --block-size 4096 | cut -f1 | sum_lines; find . | wc -l`

func TestUsageIsWhatFindAndDuCount(t *testing.T) {
	judge.Root(t)
	src := t.TempDir()
	plant(t, src, "empty=", "one=x", "d/e/f="+strings.Repeat("x", 4096), "d/g="+strings.Repeat("x", 4097), "l -> one", "x y/z=1")
	must(t, os.Link(filepath.Join(src, "d/g"), filepath.Join(src, "hard")))
	must(t, os.Truncate(filepath.Join(src, "one"), 10<<20+1))
	must(t, syscall.Mkfifo(filepath.Join(src, "fifo"), 0o644))
	must(t, syscall.Mknod(filepath.Join(src, "dev"), syscall.S_IFCHR|0o666, 1<<8|3))
	for i := range 500 {
		plant(t, src, fmt.Sprintf("n/%d=%s", i, strings.Repeat("x", i*37)))
	}
	out, err := exec.Command("bash", "-c", seedCount, "bash", src).Output()
	must(t, err)
	u := UsageOf(stage(t, filepath.Dir(src), filepath.Base(src)+" /").Root)
	if got := fmt.Sprintf("%d\n%d\n", u.DiskUsageBlocks, u.Inodes); got != string(out) {
		t.Errorf("we count\n%sfind and du\n%s", got, out)
	}
}

func TestAutoSizeIsTheSeedsSum(t *testing.T) {
	// The worked example of docs/make-disk-image.md.
	example := Usage{DiskUsageBlocks: 24_415 + 1_000 + 8, Inodes: 520}
	for _, c := range []struct {
		reserved int64
		want     Sizes
	}{
		{1 << 20, Sizes{108_392_448, 5_636_407, 114_028_855, 537_919_488, 652_214_272}},
		{256<<20 + 34*512, Sizes{108_392_448, 5_636_407, 114_028_855, 805_323_776, 919_601_152}},
	} {
		got, err := AutoSize(example, 512<<20, c.reserved)
		must(t, err)
		if got != c.want {
			t.Errorf("%+v, want %+v", got, c.want)
		}
	}
	script := `diskUsage=$(( ($1 + 2 * $2) * 4096 )); fudge=$(( diskUsage * 52 / 1000 )); r=$(( diskUsage + fudge )); d=$(( r + $3 + $4 ))
if (( d % 1048576 )); then d=$(( ( d / 1048576 + 1) * 1048576 )); fi; echo $diskUsage $fudge $r $d`
	for _, c := range [][4]int64{{0, 1, 0, 0}, {1, 2, 3, 4}, {123456, 7890, 536870912, 268452864}, {256, 0, 0, 0}, {1 << 30, 1 << 20, 1, 1}} {
		out, err := exec.Command("bash", "-c", script, "bash", fmt.Sprint(c[0]), fmt.Sprint(c[1]), fmt.Sprint(c[2]), fmt.Sprint(c[3])).Output()
		must(t, err)
		s, err := AutoSize(Usage{c[0], c[1]}, c[2], c[3])
		must(t, err)
		if got := fmt.Sprintln(s.DiskUsage, s.Fudge, s.RequiredFilesystemSpace, s.DiskSize); got != string(out) {
			t.Errorf("%v: %s, the shell %s", c, got, out)
		}
	}
	if _, err := AutoSize(Usage{1 << 55, 1}, 0, 0); err == nil {
		t.Error("an image of 128 EiB was planned")
	}
}

func FuzzMatches(f *testing.F) {
	f.Add("a*b?[!x-z]", "aab1w")
	f.Add("[[:alpha:]]*[", "x[")
	f.Add("***\\", "\xff")
	f.Fuzz(func(_ *testing.T, pattern, name string) {
		if len(pattern) < 256 && len(name) < 256 {
			matches(pattern, name)
		}
	})
}

func FuzzParseMode(f *testing.F) {
	f.Add("u+rwX,D755,g=u")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := ParseMode(text)
		if err == nil && m.Apply(tree.Regular|0o644)&^(tree.TypeMask|tree.PermMask) != 0 {
			t.Errorf("%q makes bits that no mode has", text)
		}
	})
}

// One thousand folders of a hundred files.
func BenchmarkStage(b *testing.B) {
	src := b.TempDir()
	for i := range 1000 {
		for j := range 100 {
			plant(b, src, fmt.Sprintf("d/folder%03d/file%02d=", i, j))
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		stage(b, src, "d /")
	}
}

// TestOwnersThatComeLater wait, and so do those after them, which may be below
// them.
func TestOwnersThatComeLater(t *testing.T) {
	src := t.TempDir()
	plant(t, src, "a=", "b=", "c=")
	entries := []spec.Content{
		{Source: src + "/a", Target: "/a", User: "5", Group: "5"},
		{Source: src + "/b", Target: "/b", User: "alice", Group: "5"},
		{Source: src + "/c", Target: "/c", User: "7", Group: "7"},
	}
	if _, err := Stage(t.Context(), entries, Options{}); err == nil {
		t.Fatal("alice is known")
	}
	s, err := Stage(t.Context(), entries, Options{Owners: OwnersOrLater})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Later) != 2 || s.Later[0].Target != "/b" || s.Later[1].Target != "/c" {
		t.Errorf("%+v", s.Later)
	}
	// root is the same everywhere, and whom a system makes by itself is waited for.
	entries = []spec.Content{{Source: src + "/a", Target: "/a", User: "root", Group: "0"}}
	if s, err := Stage(t.Context(), entries, Options{Owners: OwnersLater}); err != nil || len(s.Later) > 0 {
		t.Error(err, "root waits")
	}
	plant(t, src, "etc/passwd=bin:x:2:2::/:\n", "etc/group=bin:x:2:\n")
	entries = []spec.Content{{Source: src + "/etc", Target: "/etc"}, {Source: src + "/a", Target: "/a", User: "bin", Group: "bin"}}
	if s, err := Stage(t.Context(), entries, Options{Owners: OwnersLater}); err != nil || len(s.Later) != 1 {
		t.Error(err, "bin does not wait")
	}
	if s, err := Stage(t.Context(), entries, Options{Owners: OwnersOrLater}); err != nil || len(s.Later) > 0 {
		t.Error(err, "bin waits")
	}
	for i, want := range []uint32{5, 0, 0} {
		if n := s.Root.Children[i]; n.UID != want {
			t.Errorf("%s has owner %d", n.Name, n.UID)
		}
	}
}
