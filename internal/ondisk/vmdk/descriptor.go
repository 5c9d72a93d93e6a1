package vmdk

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

const (
	maxDescriptor = 1 << 20 // bytes, as QEMU has it; a disk of 64 TiB in parts of 2 GB needs less
	maxExtents    = 4096
	maxEntries    = 1024
)

// descriptor is the text that says what an image is made of.
type descriptor struct {
	at      int64 // bytes of the file
	text    []byte
	entries []entry
	extents []extentLine
	rest    []byte // the other lines: comments, and what nobody knows
}

// entry is a line KEY=VALUE.
type entry struct {
	key, value string
	at, length int64 // of the value with its quotes, bytes from the descriptor's begin
}

// extentLine is a line ACCESS SECTORS TYPE "NAME" OFFSET.
type extentLine struct {
	access  string
	sectors int64
	kind    string
	name    string
	offset  int64 // sectors of the file; flat extents only
	line    string
	at      int64 // bytes from the descriptor's begin
}

// parseDescriptor reads a descriptor, which ends at the first NUL.
func parseDescriptor(text []byte, at int64) (*descriptor, error) {
	text, _, _ = bytes.Cut(text, []byte{0})
	d := &descriptor{at: at, text: text}
	for pos := 0; pos < len(text); {
		line := text[pos:]
		if n := bytes.IndexByte(line, '\n'); n >= 0 {
			line = line[:n]
		}
		if err := d.add(string(line), int64(pos)); err != nil {
			return nil, fmt.Errorf("descriptor, byte %d: %w", at+int64(pos), err)
		}
		pos += len(line) + 1
	}
	return d, nil
}

func (d *descriptor) add(line string, pos int64) error {
	text := strings.TrimSpace(line)
	if text == "" || text[0] == '#' {
		d.rest = append(append(d.rest, line...), '\n')
		return nil
	}
	access, _, _ := strings.Cut(text, " ")
	switch access {
	case "RW", "RDONLY", "NOACCESS":
		if len(d.extents) == maxExtents {
			return fmt.Errorf("the image has more than %d extents: join them with `qemu-img convert`", maxExtents)
		}
		e, err := parseExtent(text)
		if err != nil {
			return err
		}
		e.at = pos + int64(strings.Index(line, text))
		d.extents = append(d.extents, e)
		return nil
	}
	key, _, ok := strings.Cut(line, "=")
	if !ok {
		d.rest = append(append(d.rest, line...), '\n')
		return nil // VMware's own reader ignores what it does not know
	}
	if len(d.entries) == maxEntries {
		return fmt.Errorf("the descriptor has more than %d entries: it is damaged, take a whole copy", maxEntries)
	}
	rest := line[len(key)+1:]
	value := strings.TrimSpace(rest)
	e := entry{
		key:    strings.TrimSpace(key),
		at:     pos + int64(len(key)) + 1 + int64(strings.Index(rest, value)),
		length: int64(len(value)),
	}
	if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
		value = value[1 : len(value)-1]
	}
	e.value = value
	d.entries = append(d.entries, e)
	return nil
}

// parseExtent reads a line such as RW 4192256 FLAT "disk-f001.vmdk" 0.
func parseExtent(line string) (extentLine, error) {
	bad := fmt.Errorf("the extent %s is not of the form RW SECTORS TYPE \"NAME\" OFFSET: mend the descriptor", quote(line))
	e := extentLine{line: line}
	head, quoted, named := strings.Cut(line, `"`)
	words := strings.Fields(head)
	if len(words) != 3 {
		return e, bad
	}
	n, err := strconv.ParseInt(words[1], 10, 64)
	if err != nil || n <= 0 || n > maxSectors {
		return e, bad
	}
	e.access, e.sectors, e.kind = words[0], n, words[2]
	if !named {
		if e.kind != "ZERO" {
			return e, bad
		}
		return e, nil
	}
	name, tail, closed := strings.Cut(quoted, `"`)
	if !closed {
		return e, bad
	}
	e.name = name
	// VMware adds a partition's and a device's identifiers behind the offset.
	if words := strings.Fields(tail); len(words) > 0 {
		e.offset, err = strconv.ParseInt(words[0], 10, 64)
		if err != nil || e.offset < 0 || e.offset > maxSectors {
			return e, bad
		}
	}
	return e, nil
}

// maxSectors bounds the size of an extent and a place in it: 512 TiB.
const maxSectors = 1 << 40

// get is the value of the first entry of that name, or "".
func (d *descriptor) get(key string) string {
	for _, e := range d.entries {
		if strings.EqualFold(e.key, key) {
			return e.value
		}
	}
	return ""
}

// unread names the kinds of images that are told and refused, by createType.
var unread = map[string]string{
	"vmfsSparse":                  "its extents are ESX's COWD",
	"vmfsThin":                    "it is known to ESX alone",
	"seSparse":                    "its extents are ESX's seSparse",
	"fullDevice":                  "it stands for a physical disk",
	"partitionedDevice":           "it stands for a physical disk",
	"vmfsRaw":                     "it stands for a physical disk",
	"vmfsRDM":                     "it stands for a physical disk",
	"vmfsRDMP":                    "it stands for a physical disk",
	"vmfsRawDeviceMap":            "it stands for a physical disk",
	"vmfsPassthroughRawDeviceMap": "it stands for a physical disk",
}

var read = map[string]bool{
	"monolithicSparse": true, "streamOptimized": true, "monolithicFlat": true,
	"twoGbMaxExtentSparse": true, "twoGbMaxExtentFlat": true, "vmfs": true, "custom": true,
}

// check refuses images of which this file is not the whole.
func (d *descriptor) check() error {
	if p := d.get("parentCID"); p != "" && !strings.EqualFold(p, noParent) {
		return fmt.Errorf("is a VMDK with a parent (parentCID %s): it holds only what changed since that, join them with `vmware-vdiskmanager -r` or `qemu-img convert`", quote(p))
	}
	kind := d.get("createType")
	if why, ok := unread[kind]; ok {
		return fmt.Errorf("is a VMDK of the createType %s, which is not read: %s; convert it with `vmkfstools -i` or `qemu-img convert -O raw`", kind, why)
	}
	if !read[kind] {
		return fmt.Errorf("is a VMDK of the createType %s, which is not read: convert it with `qemu-img convert -O raw`", quote(kind))
	}
	return nil
}

// quote shortens and quotes what an image says, for a message of one line.
func quote(s string) string {
	if len(s) > 64 {
		s = s[:64] + "…"
	}
	return strconv.Quote(s)
}
