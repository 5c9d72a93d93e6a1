//go:build linux

package supervise

import "encoding/binary"

// struct new_utsname, linux/utsname.h: six fields of 65 bytes.
const (
	utsField    = 65
	utsNodename = 1 * utsField
	utsRelease  = 2 * utsField
	utsVersion  = 3 * utsField
	utsDomain   = 5 * utsField
)

func (s *supervisor) uname(t *thread) {
	s.ask(askKernel)
	s.ask(askHost)
	if !s.controls.uname {
		return
	}
	t.pending = func(t *thread, result int64) {
		if result != 0 {
			return
		}
		put := func(at int, text string) {
			if text != "" {
				b := make([]byte, utsField)
				copy(b[:utsField-1], text)
				t.write(t.call.args[0]+uint64(at), b)
			}
		}
		w := s.o.World
		put(utsRelease, w.Kernel.Release)
		put(utsVersion, w.Kernel.Version)
		if s.leads {
			put(utsNodename, w.Host.Name)
			put(utsDomain, w.Host.Domain)
		}
	}
}

// Byte offsets in struct sysinfo of 64-bit machines, linux/sysinfo.h.
const (
	sysinfoMemory = 32 // totalram, freeram, sharedram, bufferram, totalswap, freeswap
	sysinfoHigh   = 88 // totalhigh, freehigh
	sysinfoUnit   = 104
	sysinfoSize   = 112
)

func (s *supervisor) sysinfo(t *thread) {
	s.ask(askMemory)
	if !s.controls.memory {
		return
	}
	t.pending = func(t *thread, result int64) {
		b := make([]byte, sysinfoSize)
		if result != 0 || !t.read(t.call.args[0], b) {
			return
		}
		unit := max(uint64(binary.LittleEndian.Uint32(b[sysinfoUnit:])), 1)
		total := uint64(s.o.World.Memory) / unit
		clear(b[sysinfoMemory : sysinfoMemory+6*8])
		clear(b[sysinfoHigh : sysinfoHigh+2*8])
		binary.LittleEndian.PutUint64(b[sysinfoMemory:], total)
		binary.LittleEndian.PutUint64(b[sysinfoMemory+8:], total/2) // half of it is free, always
		t.write(t.call.args[0], b)
	}
}
