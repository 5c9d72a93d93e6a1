package spec

import (
	"bytes"
	"crypto/sha1" // UUIDs of version 5 are defined over it
	"encoding/json"
)

// Canonical is the options as they take effect, defaults included, as JSON with
// its keys sorted and no spaces. Two specs that ask for the same image have the
// same canonical form wherever they lie and in whatever order and language they
// are written. It holds nothing of the host: not where sources lie, nor the
// environment. Format, memSize, vm (but what it runs) and deterministic are left out, for the same disk
// has the same identifiers in every container.
func (s *Spec) Canonical() []byte {
	m := map[string]any{
		"diskSize":           s.DiskSize.String(),
		"additionalSpace":    int64(s.AdditionalSpace),
		"bootSize":           s.BootSize,
		"contents":           entries(s.Contents),
		"espContents":        entries(s.EspContents),
		"bootContents":       entries(s.BootContents),
		"partitionTableType": s.PartitionTableType,
		"installBootLoader":  s.InstallBootLoader,
		"touchEFIVars":       s.TouchEFIVars,
		"espFat":             s.EspFat,
		"fsType":             s.FSType,
		"label":              s.Label,
		"configFile":         s.ConfigFile != "",
		"postVM":             s.PostVM,
		"onlyNixStore":       s.OnlyNixStore,
		"name":               s.Name,
		"rootGPUID":          s.RootGPUID.String(),
		"rootFSUID":          "",
		"copyChannel":        s.CopyChannel,
		"additionalPaths":    append([]string{}, s.AdditionalPaths...),
		"system":             s.System,
		"sourceDateEpoch":    s.SourceDateEpoch,
	}
	if s.RootFSUID != nil {
		m["rootFSUID"] = s.RootFSUID.String()
	}
	s.loaderIdentity(m)
	s.guestIdentity(m)
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(m); err != nil {
		panic(err) // strings, numbers and booleans always encode
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func entries(list []Content) []map[string]string {
	out := make([]map[string]string, 0, len(list))
	for _, c := range list {
		out = append(out, map[string]string{"target": c.Target, "mode": c.Mode, "user": c.User, "group": c.Group})
	}
	return out
}

// namespace is reprodisk's own for UUIDs of version 5, drawn once.
var namespace = [16]byte{0x5b, 0x0e, 0x2a, 0x71, 0xc4, 0x9d, 0x4f, 0x36, 0x8a, 0x17, 0xe0, 0x6c, 0x93, 0x5d, 0x28, 0xb4}

// DeriveID is an identifier for one purpose in the image, "MBR disk signature"
// for one: a UUID of version 5 (RFC 9562 section 5.5) over the canonical form.
// The same spec has the same one on every machine; another spec, or another
// purpose, has another.
func (s *Spec) DeriveID(purpose string) [16]byte {
	h := sha1.New()
	h.Write(namespace[:])
	h.Write([]byte(purpose))
	h.Write([]byte{0})
	h.Write(s.Canonical())
	id := [16]byte(h.Sum(nil)[:16])
	id[6] = id[6]&0x0f | 0x50
	id[8] = id[8]&0x3f | 0x80
	return id
}
