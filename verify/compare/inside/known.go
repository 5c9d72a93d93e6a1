package inside

import (
	"bytes"
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
	"github.com/reprodisk/reprodisk/internal/textdiff"
	"github.com/reprodisk/reprodisk/report"
)

// knownFile is a file that is told by where it lies.
type knownFile struct {
	pattern string // as path.Match has it, of the path without its first slash, or of its end where it begins with "**/"
	what    string
	about
	valid func([]byte) bool // what the content must be like; nil where it does not matter
}

var machineID = regexp.MustCompile(`\A[0-9a-f]{32}\n?\z`)

// knownFiles are files whose content is known to differ in every build. The
// first that fits tells.
var knownFiles = []knownFile{
	{"etc/machine-id", "machine id", about{report.Random, "leave it empty, or write 'uninitialized': systemd fills it at first boot"}, machineID.Match},
	{"var/lib/dbus/machine-id", "machine id", about{report.Random, "make it a symbolic link to /etc/machine-id"}, machineID.Match},
	{"etc/ssh/ssh_host_*_key", "SSH host key", about{report.Random, "delete it from the image: sshd or ssh-keygen -A makes it at first boot"}, nil},
	{"etc/ssh/ssh_host_*_key.pub", "SSH host key", about{report.Random, "delete it from the image: sshd or ssh-keygen -A makes it at first boot"}, nil},
	{"**/loader/random-seed", "systemd-boot's random seed", about{report.Random, "delete it: bootctl random-seed makes it on the machine"}, nil},
	{"loader/random-seed", "systemd-boot's random seed", about{report.Random, "delete it: bootctl random-seed makes it on the machine"}, nil},
	{"var/lib/systemd/random-seed", "systemd's random seed", about{report.Random, "delete it from the image"}, nil},
	{"var/lib/systemd/credential.secret", "systemd's credential secret", about{report.Random, "delete it from the image"}, nil},
	{"var/lib/urandom/random-seed", "random seed", about{report.Random, "delete it from the image"}, nil},
	{"etc/hostid", "host id", about{report.Random, "write the same host id in both builds (networking.hostId, genhostid)"}, func(b []byte) bool { return len(b) == 4 }},
	{"etc/iscsi/initiatorname.iscsi", "iSCSI initiator name", about{report.Random, "delete it from the image, or give it"}, textdiff.IsText},
	{"etc/initiatorname.iscsi", "iSCSI initiator name", about{report.Random, "delete it from the image, or give it"}, textdiff.IsText},
	{"**/etc/pacman.d/gnupg/*", "pacman's keyring", about{report.Random, "make the keyring at first boot"}, nil},
	{"LoaderSystemToken-*", "systemd-boot's system token", about{report.Random, "delete the variable: bootctl makes it on the machine"}, nil},
	{"var/lib/rpm/Packages", "rpm's database", about{report.Content, "rebuild it with rpm --rebuilddb under a fixed clock; Berkeley DB keeps what was in its pages"}, nil},
	{"etc/ld.so.cache", "cache of ldconfig", about{report.Content, "it follows from the libraries and their order: delete it and run ldconfig last"}, nil},
	{"var/cache/ldconfig/aux-cache", "cache of ldconfig", about{report.Environment, "delete it: it holds inode numbers and times"}, nil},
	{"var/cache/fontconfig/*", "cache of fontconfig", about{report.Time, "delete it, or run fc-cache with SOURCE_DATE_EPOCH: it holds the fonts' folders' times"}, nil},
	{"var/log/*", "log", about{report.Content, "delete logs from the image"}, textdiff.IsText},
	{"var/log/*/*", "log", about{report.Content, "delete logs from the image"}, textdiff.IsText},
	{"var/log/journal/*/*", "journal of systemd", about{report.Time, "delete /var/log/journal from the image"}, nil},
	{"var/log/wtmp", "log of logins", about{report.Time, "delete logs from the image"}, nil},
	{"var/log/lastlog", "log of logins", about{report.Time, "delete logs from the image"}, nil},
	{"var/cache/man/*", "database of man", about{report.Time, "delete it, or do not run mandb"}, nil},
	{"**/__pycache__/*", "Python bytecode", about{report.Content, remedyPyc}, nil},
}

// matches tells whether a path fits.
func (k knownFile) matches(name string) bool {
	pattern, anywhere := strings.CutPrefix(k.pattern, "**/")
	if anywhere {
		parts := strings.Split(name, "/")
		if n := strings.Count(pattern, "/") + 1; len(parts) >= n {
			name = strings.Join(parts[len(parts)-n:], "/")
		}
	}
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}

// cleanName is a path as the table has it.
func cleanName(name string) string {
	return strings.TrimPrefix(path.Clean("/"+name), "/")
}

// knownFile tells a file by where it lies, and returns what it is.
func (s *session) knownFile(p pair, out *result) string {
	name := cleanName(p.name)
	if shadowFile.MatchString(name) {
		return s.shadow(p, out)
	}
	for _, k := range knownFiles {
		if !k.matches(name) {
			continue
		}
		if k.valid != nil && (!s.headValid(p.a, k.valid) || !s.headValid(p.b, k.valid)) {
			continue
		}
		if k.cause == report.Content && s.text(p, out) != "" {
			return k.what
		}
		out.add(s.bytesField(p, "content", k.cause, k.remedy))
		out.note(strings.TrimPrefix(p.where+": "+k.what, ": "))
		return k.what
	}
	return ""
}

// headValid tells whether a file's content is as it must be. Of a long one
// the first part decides, up to its last whole line.
func (s *session) headValid(src Source, valid func([]byte) bool) bool {
	b := src.head(64 << 10)
	if int64(len(b)) < src.Size {
		b = b[:bytes.LastIndexByte(b, '\n')+1]
	}
	return len(b) > 0 && valid(b)
}

// shadowFile are shadow(5) and its backup copy.
var shadowFile = regexp.MustCompile(`(?:\A|/)etc/shadow-?\z`)

// shadowFields are the fields of shadow(5).
var shadowFields = []string{"sp_namp", "sp_pwdp", "sp_lstchg", "sp_min", "sp_max", "sp_warn", "sp_inact", "sp_expire", "sp_flag"}

const remedyShadow = "SOURCE_DATE_EPOCH, which useradd, chpasswd and systemd-sysusers heed; or write the field yourself"

// shadow compares two versions of shadow(5) by user and field.
func (s *session) shadow(p pair, out *result) string {
	var salts [2]map[string]string // of the two versions' users
	salted := func(user string) bool {
		a, b := salts[0][user], salts[1][user]
		return a != "" && b != "" && a != b
	}
	read := func(src Source, side int) (*entryList, bool) {
		salts[side] = map[string]string{}
		b := src.bytes(0, int(min(src.Size, maxText+1)))
		if src.Size > maxText || b == nil || !textdiff.IsText(b) {
			return nil, false
		}
		l := &entryList{}
		for line := range strings.Lines(string(b)) {
			values := strings.Split(strings.TrimSuffix(line, "\n"), ":")
			if len(values) > len(shadowFields) || l.add(entry{name: values[0], attrs: func() []attr { return shadowAttrs(values, salted(values[0])) }}) != nil {
				return nil, false
			}
			if len(values) > 1 {
				salts[side][values[0]] = salt(values[1])
			}
		}
		return l, len(b) > 0 && b[len(b)-1] == '\n'
	}
	a, okA := read(p.a, 0)
	b, okB := read(p.b, 1)
	if !okA || !okB {
		return ""
	}
	sub := newResult()
	if err := s.compareEntries(p, a, b, entriesOptions{orderRemedy: "add the users in the same order"}, sub); err != nil || !sub.found() {
		return ""
	}
	out.merge(sub)
	return "shadow"
}

// shadowAttrs are the fields of a user, whose two hashes have different salts
// or not.
func shadowAttrs(values []string, salted bool) []attr {
	var out []attr
	for i, v := range values {
		a := attr{name: shadowFields[i], value: v, cause: report.Content}
		switch a.name {
		case "sp_lstchg":
			if day, err := strconv.ParseInt(v, 10, 32); err == nil {
				a.value = fmt.Sprintf("%d (%s)", day, strings.TrimSuffix(field.ShowTime(day*24*60*60, 0), "T00:00:00Z"))
			}
			a.cause, a.remedy = report.Time, remedyShadow
		case "sp_pwdp":
			a.value = hiddenHash(v)
			if salted {
				a.cause, a.remedy = report.Random, "give the password's hash instead of the password, so that the salt is fixed"
			}
		}
		out = append(out, a)
	}
	return out
}

// salt is a hash's method, parameters and salt, as crypt(5) has them; "" where
// the field holds no hash with one.
func salt(v string) string {
	if !strings.HasPrefix(v, "$") {
		return ""
	}
	if strings.HasPrefix(v, "$2") { // bcrypt: "$2b$10$", and 22 letters of salt
		return v[:min(len(v), len("$2b$10$")+22)]
	}
	return v[:strings.LastIndexByte(v, '$')]
}

// hiddenHash shows a password's hash by its method and its end, enough to
// tell two apart, and too little to attack.
func hiddenHash(v string) string {
	if !strings.HasPrefix(v, "$") || len(v) < 16 {
		return v
	}
	method, _, _ := strings.Cut(v[1:], "$")
	return "$" + method + "$…" + v[len(v)-6:]
}
