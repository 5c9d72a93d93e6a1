package stage

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/reprodisk/reprodisk/internal/tree"
)

// accounts finds users and groups in the image's own files.
type accounts struct {
	root  *tree.Node
	files map[string]map[string]uint32
}

// id is a user's or group's number: the name as passwd(5) or group(5) of the
// image gives it, or the number itself. what is "user" or "group".
func (a *accounts) id(what, path, name string) (uint32, error) {
	if strings.Trim(name, "0123456789") == "" {
		// 2^32-1 means "leave it" to chown(2).
		n, err := strconv.ParseUint(name, 10, 32)
		if err != nil || n == 1<<32-1 {
			return 0, fmt.Errorf("%s %s is larger than 4294967294", what, name)
		}
		return uint32(n), nil
	}
	if everywhere(name) {
		return 0, nil
	}
	ids, err := a.read(path)
	if err != nil {
		return 0, fmt.Errorf("%s %q cannot be looked up, the image's %s: %w; a number needs no file", what, name, path, err)
	}
	id, ok := ids[name]
	if !ok {
		return 0, fmt.Errorf("%s %q is not in the image's %s", what, name, path)
	}
	return id, nil
}

// everywhere tells whether a name, or a number, means the same in every image.
func everywhere(name string) bool { return name == "root" || strings.Trim(name, "0123456789") == "" }

// maxAccounts bounds how much of such a file is read, in bytes.
const maxAccounts = 64 << 20

func (a *accounts) read(path string) (map[string]uint32, error) {
	if ids, ok := a.files[path]; ok {
		return ids, nil
	}
	n, err := file(a.root, path)
	if err != nil {
		return nil, err
	}
	if n.Type() != tree.Regular {
		return nil, fmt.Errorf("it is no regular file")
	}
	r, err := n.Content.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	ids := map[string]uint32{}
	lines := bufio.NewScanner(io.LimitReader(r, maxAccounts))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		f := strings.Split(lines.Text(), ":")
		if len(f) < 3 || f[0] == "" {
			continue
		}
		id, err := strconv.ParseUint(f[2], 10, 32)
		if err != nil {
			continue
		}
		if _, twice := ids[f[0]]; !twice { // the first line counts, as for getpwnam(3)
			ids[f[0]] = uint32(id)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	a.files[path] = ids
	return ids, nil
}

// chown gives a node and all below it an owner, as `chown -R` does: links
// themselves and not what they point at. Unlike it, setuid, setgid and
// capabilities stay.
func chown(n *tree.Node, uid, gid uint32) {
	n.UID, n.GID = uid, gid
	for _, c := range n.Children {
		chown(c, uid, gid)
	}
}
