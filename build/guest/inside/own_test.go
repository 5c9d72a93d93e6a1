package inside

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/build/guest/job"
	"github.com/reprodisk/reprodisk/internal/judge"
)

// TestOwn owns a tree that has all that a change of owner must not touch.
func TestOwn(t *testing.T) {
	judge.Root(t)
	root := t.TempDir()
	at := func(name string) string { return filepath.Join(root, name) }
	for _, dir := range []string{"etc/static", "home/alice/deep/er", "secret"} {
		must(t, os.MkdirAll(at(dir), 0o755))
	}
	// As NixOS has it: a link that is absolute, in the image.
	must(t, os.WriteFile(at("etc/static/passwd"), []byte("root:x:0:0::/root:/bin/sh\nalice:x:1000:100::/home/alice:/bin/sh\n77:x:78:1::/:\nbad:x:-1:1::/:\n"), 0o644))
	must(t, os.Symlink("/etc/static/passwd", at("etc/passwd")))
	must(t, os.WriteFile(at("etc/group"), []byte("users:x:100:alice\n"), 0o644))
	for _, name := range []string{"plain", "deep/er/setuid", "deep/capable", "deep/both"} {
		must(t, os.WriteFile(at("home/alice/"+name), []byte(name), 0o644))
	}
	must(t, os.WriteFile(at("secret/key"), nil, 0o600))
	must(t, os.Symlink("/secret/key", at("home/alice/link")))
	must(t, os.Symlink("/secret", at("home/alice/folder")))
	must(t, unix.Mkfifo(at("home/alice/pipe"), 0o600))
	// cap_net_raw+ep, as setcap(8) writes it: a struct vfs_cap_data.
	capability := []byte{1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	for _, name := range []string{"deep/capable", "deep/both"} {
		must(t, unix.Setxattr(at("home/alice/"+name), "security.capability", capability, 0))
	}
	must(t, unix.Chmod(at("home/alice/deep/er/setuid"), 0o6755))
	must(t, unix.Chmod(at("home/alice/deep/both"), 0o4711))
	must(t, unix.Chmod(at("home/alice/deep"), 0o3775))

	image := folder(t, root)
	must(t, own(image, &job.Own{Path: "/home/alice", User: "alice", Group: "users"}, nil))
	for name, want := range map[string]string{
		"home":                      "40755 0:0",
		"home/alice":                "40755 1000:100",
		"home/alice/plain":          "100644 1000:100",
		"home/alice/deep":           "43775 1000:100",
		"home/alice/deep/er/setuid": "106755 1000:100",
		"home/alice/deep/both":      "104711 1000:100",
		"home/alice/link":           "120777 1000:100",
		"home/alice/folder":         "120777 1000:100",
		"home/alice/pipe":           "10600 1000:100",
		"secret":                    "40755 0:0",
		"secret/key":                "100600 0:0",
	} {
		var st unix.Stat_t
		must(t, unix.Lstat(at(name), &st))
		if got := fmt.Sprintf("%o %d:%d", st.Mode, st.Uid, st.Gid); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	for _, name := range []string{"deep/capable", "deep/both"} {
		b := make([]byte, 64)
		if n, err := unix.Getxattr(at("home/alice/"+name), "security.capability", b); err != nil || string(b[:n]) != string(capability) {
			t.Errorf("%s has the capabilities %x, %v", name, b[:n], err)
		}
	}

	for _, c := range []struct{ path, user, group, want string }{
		{"/home/alice/link", "0", "", "120777 0:100"}, // the link itself, its group stays
		{"/home/alice/plain", "77", "12", "100644 78:12"},
		{"home/../home/alice/pipe", "", "4294967294", "10600 1000:4294967294"},
	} {
		must(t, own(image, &job.Own{Path: c.path, User: c.user, Group: c.group}, nil))
		var st unix.Stat_t
		must(t, unix.Lstat(at(c.path), &st))
		if got := fmt.Sprintf("%o %d:%d", st.Mode, st.Uid, st.Gid); got != c.want {
			t.Errorf("%s is %s, want %s", c.path, got, c.want)
		}
	}
	for _, c := range []struct{ path, user, group, want string }{
		{"/home/bob", "alice", "users", "/home/bob: no such file or directory"},
		{"/home", "bob", "users", "/home: there is no user bob in the image's /etc/passwd"},
		{"/home", "alice", "wheel", "/home: there is no group wheel in the image's /etc/group"},
		{"/home", "bad", "users", "/home: the image's /etc/passwd gives the user bad no number"},
		{"/home", "4294967295", "users", "/home: there is no user 4294967295 in the image's /etc/passwd"},
	} {
		if err := own(image, &job.Own{Path: c.path, User: c.user, Group: c.group}, nil); err == nil || err.Error() != c.want {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
	must(t, os.Remove(at("etc/group")))
	if err := own(image, &job.Own{Path: "/home", Group: "users"}, nil); err == nil || !strings.Contains(err.Error(), "there is no group users: the image has no /etc/group") {
		t.Error(err)
	}
}

// TestOwnKeepsToTheImage leaves out what the kernel provides.
func TestOwnKeepsToTheImage(t *testing.T) {
	if !alone(t) {
		return
	}
	root := t.TempDir()
	for _, dir := range []string{"dev", "data"} {
		at := filepath.Join(root, dir)
		must(t, os.Mkdir(at, 0o755))
		must(t, unix.Mount("tmpfs", at, "tmpfs", 0, ""))
		must(t, os.WriteFile(filepath.Join(at, "file"), nil, 0o644))
	}
	var dev, st unix.Stat_t
	must(t, unix.Stat(filepath.Join(root, "dev"), &dev))
	image := folder(t, root)
	must(t, own(image, &job.Own{Path: "/", User: "7", Group: "8"}, []uint64{dev.Dev}))
	for name, want := range map[string]string{"": "7:8", "data/file": "7:8", "dev": "0:0", "dev/file": "0:0"} {
		must(t, unix.Stat(filepath.Join(root, name), &st))
		if got := fmt.Sprintf("%d:%d", st.Uid, st.Gid); got != want {
			t.Errorf("/%s is %s's, want %s", name, got, want)
		}
	}
	for _, dir := range []string{"dev", "data"} {
		must(t, unix.Unmount(filepath.Join(root, dir), 0))
	}
}

func TestRemove(t *testing.T) {
	root := t.TempDir()
	outside := filepath.Join(t.TempDir(), "stays")
	must(t, os.WriteFile(outside, nil, 0o644))
	must(t, os.Mkdir(filepath.Join(root, "etc"), 0o755))
	must(t, os.WriteFile(filepath.Join(root, "etc/machine-id"), nil, 0o644))
	must(t, os.Symlink(outside, filepath.Join(root, "link")))
	must(t, os.Symlink(filepath.Dir(outside), filepath.Join(root, "folder")))
	image := folder(t, root)
	for _, name := range []string{"/etc/machine-id", "/etc/machine-id", "/no/where", "/etc/machine-id/x", "/link", "/folder/stays"} {
		must(t, remove(image, name))
	}
	for _, name := range []string{"etc/machine-id", "link"} {
		if _, err := os.Lstat(filepath.Join(root, name)); !os.IsNotExist(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := os.Lstat(outside); err != nil {
		t.Error(err)
	}
	if err := remove(image, "/etc"); err == nil || err.Error() != "/etc: cannot be removed: it is a folder, and only files are removed" {
		t.Error(err)
	}
}

// TestFoldersOfTheImage are made in the image, whatever the links in it.
func TestFoldersOfTheImage(t *testing.T) {
	root, outside := t.TempDir(), t.TempDir()
	must(t, os.MkdirAll(filepath.Join(root, "efi"), 0o755))
	must(t, os.Symlink("/efi", filepath.Join(root, "boot")))
	must(t, os.Symlink(outside, filepath.Join(root, "out")))
	must(t, os.Symlink("../../../../efi", filepath.Join(root, "up")))
	must(t, os.WriteFile(filepath.Join(root, "file"), nil, 0o644))
	image := folder(t, root)
	for name, want := range map[string]string{
		"/boot/a/b": "/boot/a /boot/a/b", "/up/c": "/up/c", "/": "", "/efi": "", "x/./y/..": "/x",
	} {
		fd, made, err := makeIn(image, name)
		must(t, err)
		must(t, unix.Close(fd))
		if got := strings.Join(made, " "); got != want {
			t.Errorf("%s: made %q, want %q", name, got, want)
		}
	}
	for _, name := range []string{"efi/a/b", "efi/c", "x"} {
		if fi, err := os.Lstat(filepath.Join(root, name)); err != nil || !fi.IsDir() {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, want := range map[string]string{
		"/out/x":  "/out: it is a link that leads nowhere",
		"/file/x": "/file: not a directory",
	} {
		if _, _, err := makeIn(image, name); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
	if entries, err := os.ReadDir(outside); err != nil || len(entries) > 0 {
		t.Errorf("outside there is %v, %v", entries, err)
	}
}
