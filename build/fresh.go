package build

import (
	"crypto/rand"
	"crypto/sha256"
	"time"

	"github.com/reprodisk/reprodisk/build/partition"
	"github.com/reprodisk/reprodisk/build/spec"
	"github.com/reprodisk/reprodisk/internal/ondisk/gpt"
)

// This file alone asks for chance and the clock, where deterministic is false.

// chance is what one build's fresh identifiers are made from; nil where the
// image is deterministic.
type chance struct{ seed [32]byte }

// id is a UUID of version 4 (RFC 9562 section 5.4) for one purpose: the same
// one within a build, another one in the next.
func (c *chance) id(purpose string) [16]byte {
	sum := sha256.Sum256(append(c.seed[:], purpose...))
	id := [16]byte(sum[:16])
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return id
}

// outset is what a build starts from: its chance and its epoch, in seconds
// since 1970. Where the image is not deterministic and neither the spec nor the
// environment sets a time, it is now.
func outset(s *spec.Spec, environment string) (*chance, int64, error) {
	seconds, err := s.Epoch(environment)
	if err != nil || s.Deterministic {
		return nil, seconds, err
	}
	if s.SourceDateEpoch == nil && environment == "" {
		seconds = time.Now().Unix()
	}
	c := new(chance)
	rand.Read(c.seed[:]) // which never fails
	return c, seconds, nil
}

// id is an identifier for one purpose: derived from the spec, or fresh.
func (b *builder) id(purpose string) [16]byte {
	if b.chance == nil {
		return b.spec.DeriveID(purpose)
	}
	return b.chance.id(purpose)
}

// chosen is the identifier that an option gives, unless it is fresh: only what
// the spec itself sets holds then.
func (b *builder) chosen(option string, value spec.GUID) spec.GUID {
	if _, given := b.spec.At(option); b.chance == nil || given {
		return value
	}
	return b.chance.id(option)
}

// freshTable gives the disk and the partitions but the root other GUIDs than
// make-disk-image's constants.
func (b *builder) freshTable() error {
	if b.chance == nil || b.layout.Label != partition.LabelGPT {
		return nil
	}
	var err error
	if b.layout.DiskGUID, err = stored(b.id("disk GUID")); err != nil {
		return err
	}
	for i := range b.layout.Partitions {
		p := &b.layout.Partitions[i]
		if p.Role == partition.Root {
			continue
		}
		if p.UniqueGUID, err = stored(b.id("partition GUID " + string(p.Role))); err != nil {
			return err
		}
	}
	return nil
}

// stored is a GUID as a GPT stores it.
func stored(id spec.GUID) (gpt.GUID, error) { return gpt.ParseGUID(id.String()) }
