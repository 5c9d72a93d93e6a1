package policy

import (
	"bytes"
	_ "embed"
)

//go:embed schema.json
var schemaJSON []byte

// JSONSchema is the JSON Schema, draft 2020-12, of a policy: for editors.
func JSONSchema() []byte { return bytes.Clone(schemaJSON) }
