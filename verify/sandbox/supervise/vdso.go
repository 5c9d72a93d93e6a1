//go:build linux

package supervise

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
)

// maxVDSO bounds what is read of a vDSO: those there are have one or two pages.
const maxVDSO = 16 * page

// patch is what to write into each new program's vDSO.
type patch struct {
	pieces []patchPiece

	// Of the clock: where the patched function's system call returns to, and
	// where the mark lies that it passes. 0: the clock is not patched.
	clockCall, mark uint64

	detour detour // its places are 0 where there is none
	stubs  uint64 // room for more code, up to size; 0: none
	size   uint64
}

type patchPiece struct {
	offset uint64
	bytes  []byte
}

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

// difference lists the pieces, of whole words, in which two images differ.
func difference(from, to []byte) []patchPiece {
	var ps []patchPiece
	for i := 0; i+8 <= len(from); i += 8 {
		if bytes.Equal(to[i:i+8], from[i:i+8]) {
			continue
		}
		if n := len(ps) - 1; n >= 0 && int(ps[n].offset)+len(ps[n].bytes) == i {
			ps[n].bytes = to[ps[n].offset : i+8]
		} else {
			ps = append(ps, patchPiece{uint64(i), to[i : i+8]})
		}
	}
	return ps
}

// apply writes a patch into a thread's memory: read-only text, which a tracer may
// write to.
func (p *patch) apply(t *thread, base uint64) bool {
	if t.throughFile(os.O_RDWR, func(f *os.File) (int, error) {
		for _, piece := range p.pieces {
			if _, err := f.WriteAt(piece.bytes, int64(base+piece.offset)); err != nil {
				return 0, err
			}
		}
		return 1, nil
	}) == 1 {
		return true
	}
	for _, piece := range p.pieces { // some kernels forbid it, CONFIG_PROC_MEM_NO_FORCE
		for i := 0; i < len(piece.bytes); i += 8 {
			if !poke(t.tid, base+piece.offset+uint64(i), binary.LittleEndian.Uint64(piece.bytes[i:])) {
				return false
			}
		}
	}
	return true
}

// tail is the room behind what the image holds, up to the end of its last page:
// it is mapped, and zero.
func tail(image []byte) (offset uint64) {
	return uint64(len(bytes.TrimRight(image, "\x00"))+15) &^ 15
}
