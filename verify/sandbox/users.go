package sandbox

import (
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/reprodisk/reprodisk/internal/patherr"
)

// mountUsers binds an /etc/passwd and /etc/group that know the build's user.
func (o *orders) mountUsers(*layout) error {
	home := o.World.Home
	if home == "" {
		home = path.Join(o.Build, "home")
	}
	passwd, _ := os.ReadFile(oldRoot + "/etc/passwd")
	group, _ := os.ReadFile(oldRoot + "/etc/group")
	u := &o.World.User
	name, groupName := u.Name, u.Group
	if name == "" {
		name = nameOf(string(passwd), o.IDs.UID, "build")
	}
	if groupName == "" {
		groupName = nameOf(string(group), o.IDs.GID, "build")
	}
	uid, gid := strconv.Itoa(o.IDs.UID), strconv.Itoa(o.IDs.GID)
	if err := o.fake("/etc/passwd", withEntry(string(passwd), name, 2, []string{name, "x", uid, gid, "", home, "/bin/sh"})); err != nil {
		return err
	}
	return o.fake("/etc/group", withEntry(string(group), groupName, 2, []string{groupName, "x", gid, ""}))
}

// fake binds a file of a given content over one that is there.
func (o *orders) fake(at, content string) error {
	f := fakes + "/" + strings.ReplaceAll(at[1:], "/", "-")
	if err := os.WriteFile(f, []byte(content), 0o444); err != nil {
		return patherr.At(at, err)
	}
	if err := bindOver(f, newRoot+at); err != nil {
		return err
	}
	return readOnly(at, newRoot+at)
}

// nameOf is the name that a file like passwd(5) or group(5) has for a number.
func nameOf(file string, id int, otherwise string) string {
	for line := range strings.Lines(file) {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) > 2 && f[2] == strconv.Itoa(id) && f[0] != "" {
			return f[0]
		}
	}
	return otherwise
}

// withEntry puts an entry before those of a file like passwd(5), and takes out
// those of the same name or number (which is the field that is given).
func withEntry(file, name string, number int, entry []string) string {
	var b strings.Builder
	fmt.Fprintln(&b, strings.Join(entry, ":"))
	for line := range strings.Lines(file) {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) > number && (f[0] == name || f[number] == entry[number]) {
			continue
		}
		fmt.Fprintln(&b, strings.TrimRight(line, "\n"))
	}
	return b.String()
}
