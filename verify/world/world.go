package world

import "time"

// World is everything about a build's surroundings that can be chosen. The
// zero value is the machine's own world.
type World struct {
	Clock        Clock      `json:"time"`
	Timezone     string     `json:"timezone,omitempty"`    // TZ, tzset(3)
	Locale       Locale     `json:"locale"`                // LANG, LANGUAGE, LC_ALL
	Environment  []string   `json:"environment,omitempty"` // more variables, NAME=VALUE
	ExecPath     []string   `json:"exec_path,omitempty"`   // folders added to the end of PATH
	Home         string     `json:"home,omitempty"`        // HOME, an absolute path inside
	BuildPath    string     `json:"build_path,omitempty"`  // the build folder's absolute path inside: $out and TMPDIR lie there
	User         User       `json:"user_group"`
	Umask        *uint32    `json:"umask,omitempty"` // umask(2)
	Host         Host       `json:"domain_host"`
	FileOrdering Ordering   `json:"fileordering"`
	CPUs         int        `json:"num_cpus,omitempty"` // processors that a build sees and runs on; 0: all
	ASLR         ASLR       `json:"aslr,omitempty"`
	Kernel       Kernel     `json:"kernel"`
	Random       Random     `json:"random"`
	PID          int        `json:"pid,omitempty"`        // the number of the build's first process; 0: what comes
	Memory       int64      `json:"memory,omitempty"`     // bytes of memory that the machine says it has; 0: its own
	Filesystem   Filesystem `json:"filesystem,omitempty"` // what the build folder lies on
	Inodes       Inodes     `json:"inodes"`
	InputTimes   InputTimes `json:"input_times"`
	Load         int        `json:"load,omitempty"` // processes that compete for the processors meanwhile
}

// Clock is what CLOCK_REALTIME says, to every process of the build, dynamic or
// static, and what the file times that the kernel sets look like to it.
type Clock struct {
	Mode ClockMode `json:"mode,omitempty"`
	// Start is the time at which a build of mode Frozen or Running begins, in
	// whole seconds.
	Start time.Time `json:"start,omitzero"`
	// Offset is how far a clock of mode Shifted is from the machine's, in whole
	// seconds.
	Offset time.Duration `json:"offset,omitempty"`
}

// ClockMode is how a clock goes.
type ClockMode string

const (
	ClockHost    ClockMode = ""        // the machine's
	ClockShifted ClockMode = "shifted" // the machine's, by a fixed offset
	ClockRunning ClockMode = "running" // starts at a given time, and goes on
	ClockFrozen  ClockMode = "frozen"  // always the same time
)

// Locale is what setlocale(3) reads. Empty strings: as the caller has it.
type Locale struct {
	Lang     string `json:"lang,omitempty"`
	Language string `json:"language,omitempty"`
	LCAll    string `json:"lc_all,omitempty"`
}

// User is who runs the build, as it sees itself.
type User struct {
	Set   bool   `json:"set,omitempty"` // false: who calls
	Name  string `json:"name,omitempty"`
	Group string `json:"group,omitempty"`
	UID   uint32 `json:"uid"`
	GID   uint32 `json:"gid"`
}

// Host is what uname(2) and getdomainname(2) say. Empty: the machine's.
type Host struct {
	Name   string `json:"name,omitempty"`
	Domain string `json:"domain,omitempty"`
}

// Ordering is the order in which getdents64(2) lists a folder.
type Ordering struct {
	Mode OrderMode `json:"mode,omitempty"`
	Seed string    `json:"seed,omitempty"` // of a shuffled order: the same seed, the same order of the same names
}

// OrderMode is a sort of order.
type OrderMode string

const (
	OrderHost     OrderMode = "" // the filesystem's
	OrderSorted   OrderMode = "sorted"
	OrderReversed OrderMode = "reversed"
	OrderShuffled OrderMode = "shuffled"
)

// ASLR is whether addresses are laid out at random, personality(2).
type ASLR string

const (
	ASLRHost ASLR = ""
	ASLROff  ASLR = "off"
	ASLROn   ASLR = "on"
)

// Kernel is what uname(2) and /proc say of the kernel. Empty: the machine's.
type Kernel struct {
	Release string `json:"release,omitempty"` // 5.10.0-9-amd64
	Version string `json:"version,omitempty"` // #1 SMP Debian 5.10.70-1 (2021-09-30)
}

// Random is where getrandom(2), /dev/random, /dev/urandom and AT_RANDOM take
// their bytes from. Each program of a build has a stream of its own, so that
// programs that run at the same time do not disturb each other.
type Random struct {
	Seed string `json:"seed,omitempty"` // empty: the kernel's
}

// Filesystem is what the build folder lies on.
type Filesystem string

const (
	FilesystemAny   Filesystem = "" // what the sandbox takes by default
	FilesystemTmpfs Filesystem = "tmpfs"
	FilesystemDisk  Filesystem = "disk" // that of the machine's folder for temporary files
)

// Inodes is which inode and device numbers stat(2) shows.
type Inodes struct {
	Skip uint64 `json:"skip,omitempty"` // added to each inode number of the build folder, or used up before
}

// InputTimes is what stat(2) says of the change and access times of files that
// were there before the build; who copies such a file into an image with
// mke2fs -d copies its times.
type InputTimes struct {
	Mode InputTimesMode `json:"mode,omitempty"`
	// Offset is added to both times in mode Shifted, in whole seconds.
	Offset time.Duration `json:"offset,omitempty"`
}

// InputTimesMode is a sort of change to those times.
type InputTimesMode string

const (
	InputTimesHost    InputTimesMode = ""        // as they are
	InputTimesMtime   InputTimesMode = "mtime"   // both are the modification time
	InputTimesShifted InputTimesMode = "shifted" // the modification time, and an offset
)
