package efivars_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/ondisk/efivars"
)

// globalGUID is EFI_GLOBAL_VARIABLE, 8BE4DF61-93CA-11D2-AA0D-00E098032B8C.
var globalGUID = [16]byte{0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11, 0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c}

func variable(name string, data ...byte) efivars.Variable {
	return efivars.Variable{
		AuthenticatedHeader: efivars.AuthenticatedHeader{
			State: efivars.Added, Attributes: 7, VendorGUID: globalGUID,
		},
		Name: name, Data: data,
	}
}

func store(authenticated bool, variables ...efivars.Variable) *efivars.Store {
	return &efivars.Store{
		Volume:        efivars.VolumeHeader{FileSystemGUID: efivars.NVDataGUID, FvLength: 0x84000, Revision: 2},
		BlockMap:      []byte{0x84, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		Header:        efivars.StoreHeader{Size: 0x40000 - 0x48},
		Authenticated: authenticated,
		Variables:     variables,
	}
}

func encode(t testing.TB, s *efivars.Store) []byte {
	t.Helper()
	b, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestWhatIsEncodedIsDecoded(t *testing.T) {
	for _, authenticated := range []bool{true, false} {
		deleted := variable("Boot0001", 1, 2)
		deleted.State = 0x3c
		stamped := variable("PK", 1, 2, 3, 4, 5)
		if authenticated {
			stamped.TimeStamp = efivars.Time{Year: 2024, Month: 2, Day: 29, Hour: 23, Minute: 59, Second: 58}
		}
		want := store(authenticated, variable("Boot0000", 1, 2, 3), deleted, stamped, variable("Empty"))
		b := encode(t, want)
		got, err := efivars.Decode(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want.Variables, got.Variables, cmpopts.EquateEmpty(),
			cmpopts.IgnoreFields(efivars.Variable{}, "Offset", "Length"),
			cmpopts.IgnoreFields(efivars.AuthenticatedHeader{}, "StartID", "NameSize", "DataSize")); d != "" {
			t.Error(d)
		}
		if got.Authenticated != authenticated || !got.Variables[0].Live() || got.Variables[1].Live() {
			t.Errorf("authenticated %v, live %v %v", got.Authenticated, got.Variables[0].Live(), got.Variables[1].Live())
		}
		if again := encode(t, got); !bytes.Equal(again, b) {
			t.Error("encoded again, it is another volume")
		}
	}
}

func TestDamageIsAnError(t *testing.T) {
	good := encode(t, store(true, variable("A", 1)))
	for name, damage := range map[string]func(b []byte) []byte{
		"short":       func(b []byte) []byte { return b[:50] },
		"signature":   func(b []byte) []byte { b[40]++; return b },
		"checksum":    func(b []byte) []byte { b[44]++; return b },
		"store GUID":  func(b []byte) []byte { b[72]++; return b },
		"store size":  func(b []byte) []byte { b[72+19] = 0xff; return b },
		"name's size": func(b []byte) []byte { b[72+28+36+3] = 0xff; return b },
		"cut":         func(b []byte) []byte { return b[:1000] },
	} {
		b := damage(bytes.Clone(good))
		if _, err := efivars.Decode(bytes.NewReader(b), int64(len(b))); !errors.Is(err, efivars.ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := store(true, variable("big", make([]byte, 0x40000)...)).Encode(); err == nil {
		t.Error("a variable larger than the store was encoded")
	}
}

// TestFirmwareOfDebian reads the stores that the package ovmf installs.
func TestFirmwareOfDebian(t *testing.T) {
	folder := filepath.Dir(judge.File(t, "/usr/share/OVMF/OVMF_VARS_4M.fd"))
	names, err := filepath.Glob(filepath.Join(folder, "OVMF_VARS*.fd"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		s, err := efivars.Decode(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, v := range s.Variables {
			if v.Name == "" {
				t.Errorf("%s: a variable without a name at byte %d", name, v.Offset)
			}
		}
		again := encode(t, s)
		if !bytes.Equal(again[:s.Used], b[:s.Used]) {
			t.Errorf("%s: encoded again, the store differs", name)
		}
	}
}

func FuzzDecode(f *testing.F) {
	s := store(true, variable("Boot0000", 1, 2, 3), variable("PK", 4))
	s.Volume.FvLength, s.Header.Size = 1024, 512
	f.Add(encode(f, s))
	s.Authenticated = false
	f.Add(encode(f, s))
	f.Fuzz(func(_ *testing.T, b []byte) {
		s, err := efivars.Decode(bytes.NewReader(b), int64(len(b)))
		if err == nil {
			_, _ = s.Encode()
		}
	})
}
