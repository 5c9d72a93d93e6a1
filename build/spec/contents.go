package spec

import (
	"path"
	"strings"
)

// contents reads a list of entries. Owners and modes are only read where the
// filesystem has them.
func contents(field func(*Spec) *[]Content, owners bool) reader {
	return func(s *Spec, n node) error {
		if n.kind != listKind {
			return errorAt(n.pos, "wants a list of {source, target}, not %s", n.kind)
		}
		for _, item := range n.items {
			c, err := content(item, owners)
			if err != nil {
				return err
			}
			c.Dir = s.dir
			*field(s) = append(*field(s), c)
		}
		return nil
	}
}

func content(n node, owners bool) (Content, error) {
	c := Content{Pos: n.pos}
	if n.kind != mapKind {
		return c, errorAt(n.pos, "an entry is {source, target}, not %s", n.kind)
	}
	fields := map[string]*string{
		"source": &c.Source, "target": &c.Target, "mode": &c.Mode, "user": &c.User, "group": &c.Group,
	}
	names := []string{"source", "target", "mode", "user", "group"}
	seen := map[string]Pos{}
	for _, p := range n.pairs {
		to, ok := fields[p.key]
		if !ok {
			return c, errorAt(p.pos, "unknown key %q%s", shorten(p.key), didYouMean(p.key, names))
		}
		if first, twice := seen[p.key]; twice {
			return c, errorAt(p.pos, "%s is given twice, first in line %d", p.key, first.Line)
		}
		seen[p.key] = p.pos
		null := p.value.kind == nullKind
		if p.key != "source" && p.key != "target" {
			if !owners {
				return c, errorAt(p.pos, "%s: a FAT filesystem has no owners and modes", p.key)
			}
			if null {
				continue // as make-disk-image takes user = null
			}
		}
		t, err := scalar(p.value)
		if err != nil {
			e := err.(*Error)
			return c, errorAt(e.Pos, "%s: %s", p.key, e.Msg)
		}
		*to = t
	}
	for _, name := range names[:2] {
		if *fields[name] == "" {
			return c, errorAt(n.pos, "an entry without %s", name)
		}
	}
	if err := checkTarget(c.Target); err != "" {
		return c, errorAt(seen["target"], "target %q %s", shorten(c.Target), err)
	}
	if len(c.Source) > maxPath {
		return c, errorAt(seen["source"], "source is longer than %d bytes", maxPath)
	}
	// make-disk-image: "Contents of the disk image should set none of {user,
	// group} or both at the same time."
	if c.User != "" && c.Group == "" {
		return c, errorAt(seen["user"], "user %q without a group: set both or neither", shorten(c.User))
	}
	if c.Group != "" && c.User == "" {
		return c, errorAt(seen["group"], "group %q without a user: set both or neither", shorten(c.Group))
	}
	return c, nil
}

const (
	maxPath = 4095 // Linux's PATH_MAX without its NUL
	maxName = 255  // ext4's longest name, in bytes
)

// checkTarget is what is wrong with a target, or nothing.
func checkTarget(target string) string {
	if len(target) > maxPath {
		return "is longer than a path can be, 4095 bytes"
	}
	up := false
	for _, name := range strings.Split(target, "/") {
		if len(name) > maxName {
			return "has a name longer than 255 bytes"
		}
		up = up || name == ".."
	}
	if up {
		if c := path.Clean(strings.TrimLeft(target, "/")); c == ".." || strings.HasPrefix(c, "../") {
			return "leads out of the image's root"
		}
		return `holds ".."; write the path without it`
	}
	return ""
}
