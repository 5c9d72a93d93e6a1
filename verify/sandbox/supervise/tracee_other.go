//go:build linux && !amd64

package supervise

import "golang.org/x/sys/unix"

// supported tells whether this architecture is. Another one takes what the
// files *_amd64.go hold: the calls to stop at, registers, and the code that takes
// the place of the vDSO's functions.
const supported = false

const redZone = 0

type detour struct {
	entry       [kinds]uint64
	stat, statx uint64
}

type (
	site    struct{}
	goPlace struct{}
	fileKey struct{}
)

func (s *supervisor) shortenGo(*thread, uint64, uint64) {}

func (s *supervisor) shorten(*thread, uint64) {}
func (t *thread) send(uint64) bool            { return false }
func (t *thread) skip(int64)                  {}
func (t *thread) setResult(int64)             {}
func usesOf(uint64) use                       { return usesNothing }
func (t *thread) setArg(int, uint64)          {}
func (t *thread) registers() (uint64, bool)   { return 0, false }

func filter(controls) []unix.SockFilter                { return nil }
func newPatch([]byte, controls, *files) (*patch, bool) { return nil, false }
