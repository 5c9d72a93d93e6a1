package policy

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/reprodisk/reprodisk/internal/document"
)

// FileName is the policy that is found by itself, in the working folder.
const FileName = ".reprodisk.yaml"

// Policy is a policy's file as it stands.
type Policy struct {
	Path   string // as it was given
	Digest string // "sha256:…" of its bytes
	Strict bool
	Rules  []Rule
}

// Load reads the policy in a file.
func Load(path string) (*Policy, error) {
	data, err := document.Load(path, noun)
	if err != nil {
		return nil, err
	}
	return Parse(path, data)
}

// Parse reads a policy's text. The name is for messages, and tells the
// language. Every error is a *document.Error.
func Parse(name string, data []byte) (*Policy, error) {
	root, err := document.Read(name, data, noun, "allow: []")
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(data)
	p := &Policy{Path: name, Digest: "sha256:" + hex.EncodeToString(sum[:])}
	if err := p.decode(root); err != nil {
		return nil, err
	}
	return p, nil
}

// noun is what a text of this package is called.
const noun = "policy"
