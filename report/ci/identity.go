package ci

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"

	"github.com/reprodisk/reprodisk/report"
)

// run is the part of an id that changes from run to run: by how many seconds
// the times of a group of files moved.
var run = regexp.MustCompile(`#[+-][0-9]+s`)

// fingerprints are names of findings that stay the same from run to run, and
// are each found once in a report.
type fingerprints struct{ seen map[string]int }

func newFingerprints() *fingerprints { return &fingerprints{map[string]int{}} }

// of is the finding's, as "0123456789abcdef:1": what it is about, and its
// number among those about the same.
func (p *fingerprints) of(f *report.Finding) string {
	name := strings.Join([]string{f.Image, run.ReplaceAllString(f.ID, "")}, "\x00")
	sum := sha256.Sum256([]byte(name))
	key := hex.EncodeToString(sum[:8])
	p.seen[key]++
	return fmt.Sprintf("%s:%d", key, p.seen[key])
}

// maxRule is how long the name of a rule may become.
const maxRule = 120

var number = regexp.MustCompile(`[ -]?[0-9]+$`)

// ruleOf names the kind of field that differs: "ext4/superblock/s_hash_seed".
// An entry's number and an attribute's name are no part of it.
func ruleOf(f *report.Finding) string {
	field, _, _ := strings.Cut(f.Field, ":")
	parts := []string{f.Format, number.ReplaceAllString(f.Structure, ""), field}
	for i, s := range parts {
		parts[i] = strings.Map(func(c rune) rune {
			if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '.' {
				return c
			}
			return '-'
		}, s)
	}
	name := strings.Trim(strings.Join(parts, "/"), "/")
	if len(name) > maxRule {
		sum := sha256.Sum256([]byte(name))
		name = name[:maxRule-9] + "-" + hex.EncodeToString(sum[:4])
	}
	if name == "" {
		return "unknown"
	}
	return name
}
