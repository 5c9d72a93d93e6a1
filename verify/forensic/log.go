package forensic

import (
	"bytes"
	"encoding/json"
	"io"
	"time"

	"github.com/reprodisk/reprodisk/verify/compare/scan"
)

// Log is the account of a run: which program read what, when, and what it
// wrote. A nil Log notes nothing. It is not safe for concurrent use.
type Log struct {
	Now    func() time.Time // nil: time.Now
	events []Event
}

// Event is a line of a log. What does not apply is left out.
type Event struct {
	Time  string `json:"time"`  // RFC 3339, UTC
	Event string `json:"event"` // start, input, disk, filesystem, compared, output, end

	Program string   `json:"program,omitempty"`
	Version string   `json:"version,omitempty"`
	Args    []string `json:"args,omitempty"`
	Folder  string   `json:"folder,omitempty"` // the working folder

	Side     string `json:"side,omitempty"`  // a or b
	Image    string `json:"image,omitempty"` // the image's relative name, where folders were compared
	Path     string `json:"path,omitempty"`
	Format   string `json:"format,omitempty"`
	FileSize int64  `json:"file_size,omitempty"` // bytes of the file
	Size     int64  `json:"size,omitempty"`      // bytes of the virtual disk
	Modified string `json:"modified,omitempty"`  // the file's mtime
	SHA256   string `json:"sha256,omitempty"`    // of the virtual disk, where it was computed

	Partition  *int   `json:"partition,omitempty"`
	Offset     *int64 `json:"offset,omitempty"` // bytes of the disk
	Length     int64  `json:"length,omitempty"`
	Filesystem string `json:"filesystem,omitempty"`
	Label      string `json:"label,omitempty"`
	UUID       string `json:"uuid,omitempty"`

	FilesA       int    `json:"files_a,omitempty"` // objects of the tree
	FilesB       int    `json:"files_b,omitempty"`
	Changes      int    `json:"changes,omitempty"`
	Moved        int    `json:"moved,omitempty"`
	ContentBytes int64  `json:"content_bytes,omitempty"` // of files, read to be compared and digested
	Differing    *int64 `json:"differing_bytes,omitempty"`

	Verdict string `json:"verdict,omitempty"`
	Error   string `json:"error,omitempty"`
}

// Add enters an event; its time is now.
func (l *Log) Add(e Event) {
	if l == nil {
		return
	}
	now := time.Now
	if l.Now != nil {
		now = l.Now
	}
	e.Time = now().UTC().Format(time.RFC3339Nano)
	for _, s := range []*string{&e.Image, &e.Path, &e.Label, &e.Error, &e.Folder, &e.Filesystem} {
		*s = Escape(*s, "")
	}
	l.events = append(l.events, e)
}

// Write writes the events, one JSON object a line.
func (l *Log) Write(w io.Writer) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for _, e := range l.events {
		if err := enc.Encode(e); err != nil {
			return err
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

// scanned notes that both disks were read, but for what are holes in both.
func (l *Log) scanned(p *Pair, found scan.Result) {
	if l == nil {
		return
	}
	zero := int64(0)
	l.Add(Event{Event: "disk", Image: p.Name, Offset: &zero, Length: found.Size, Differing: &found.Bytes})
}

// volume notes that a partition was looked into.
func (l *Log) volume(p *Pair, side string, number int, s *Side) {
	if l == nil {
		return
	}
	l.Add(Event{Event: "filesystem", Side: side, Image: p.Name, Partition: &number, Offset: &s.Offset, Length: s.Length, Filesystem: s.Type, Label: s.Label, UUID: s.UUID, Error: s.Error})
}

// compared notes that two trees were compared.
func (l *Log) compared(c *comparison) {
	if l == nil {
		return
	}
	l.Add(Event{Event: "compared", Image: c.p.Name, Partition: &c.v.Number, FilesA: c.files[0], FilesB: c.files[1], Changes: len(c.v.Changes), Moved: c.v.Moved, ContentBytes: c.bytes})
}
