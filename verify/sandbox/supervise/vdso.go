//go:build linux

package supervise

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
)

// maxVDSO bounds what is read of a vDSO: those there are have one or two pages.
const maxVDSO = 16 * page

// patch is what to write into each new program's vDSO.
type patch struct {
	words []patchWord

	// Of the clock: where the patched function's system call returns to, and
	// where the mark lies that it passes. 0: the clock is not patched.
	clockCall, mark uint64
}

type patchWord struct{ offset, word uint64 }

// function is a function of the vDSO: where it lies in the image, and its bytes.
type function struct{ offset, size uint64 }

// readVDSO reads the image that the kernel has mapped at base.
func (t *thread) readVDSO(base uint64) []byte {
	image := make([]byte, maxVDSO)
	n := 0
	for n < maxVDSO && t.read(base+uint64(n), image[n:n+page]) {
		n += page
	}
	image = image[:n]
	f, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		return nil
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD && p.Off == 0 && p.Vaddr == 0 {
			// What is mapped behind may be something else.
			return image[:min(uint64(n), (p.Memsz+page-1)/page*page)]
		}
	}
	return nil
}

// functions lists what a vDSO exports.
func functions(image []byte) map[string]function {
	f, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		return nil
	}
	symbols, err := f.DynamicSymbols()
	if err != nil {
		return nil
	}
	out := map[string]function{}
	for _, s := range symbols {
		if elf.ST_TYPE(s.Info) == elf.STT_FUNC && s.Value < uint64(len(image)) && s.Size <= uint64(len(image))-s.Value {
			out[s.Name] = function{s.Value, s.Size}
		}
	}
	return out
}

// difference lists the 8-byte words in which two images differ.
func difference(from, to []byte) []patchWord {
	var words []patchWord
	for i := 0; i+8 <= len(from); i += 8 {
		if w := binary.LittleEndian.Uint64(to[i:]); w != binary.LittleEndian.Uint64(from[i:]) {
			words = append(words, patchWord{uint64(i), w})
		}
	}
	return words
}
