package spec

import (
	"regexp"
	"strings"
)

// The values of fsType that something builds.
const (
	Ext4     = "ext4"
	VFAT     = "vfat"
	Squashfs = "squashfs"
	EROFS    = "erofs"
	Btrfs    = "btrfs"
	XFS      = "xfs"
)

// xfsLabel is what mkfs.xfs takes on its command line.
var xfsLabel = regexp.MustCompile(`^[0-9A-Za-z._+-]*$`)

// checkFilesystem finds what the root filesystem has no place for.
func (s *Spec) checkFilesystem() error {
	if s.FSType == Btrfs && strings.ContainsAny(s.Label, "/\\\n") {
		return s.Errorf("label", "%q: no slash, backslash or line break is possible with btrfs", shorten(s.Label))
	}
	if s.FSType == XFS && !xfsLabel.MatchString(s.Label) {
		return s.Errorf("label", "%q: only letters, digits and ._+- are possible with xfs", shorten(s.Label))
	}
	if s.FSType != VFAT && s.FSType != Squashfs {
		return nil
	}
	if s.RootFSUID != nil {
		return s.Errorf("rootFSUID", "a %s filesystem has no UUID; leave it out", s.FSType)
	}
	if s.FSType == Squashfs {
		// The default may stand there, as any option's may.
		if _, given := s.at["label"]; given && s.Label != "" && s.Label != "nixos" && s.Label != "nix-store" {
			return s.Errorf("label", "a squashfs filesystem has no label; leave it out")
		}
		return nil
	}
	for _, c := range s.Contents {
		switch {
		case c.Mode != "":
			return errorAt(c.Pos, "mode: a FAT filesystem has no owners and modes")
		case c.User != "":
			return errorAt(c.Pos, "user: a FAT filesystem has no owners and modes")
		}
	}
	return nil
}
