package boot

import (
	"bytes"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/build/partition"
	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/ondisk/efivars"
)

func option() Option {
	return Option{
		Description: "Linux Boot Manager", Path: SystemdBootPath,
		Partition: partition.Partition{Number: 1, StartLBA: 16384, EndLBA: 499711, UniqueGUID: partition.FirstGUID},
	}
}

// What bootctl writes for the same partition.
func TestAnOptionIsADevicePath(t *testing.T) {
	want := "01000000" + // LOAD_OPTION_ACTIVE
		"7400" + // bytes of the path
		hex.EncodeToString(wide("Linux Boot Manager")) +
		"04012a00" + "01000000" + "0040000000000000" + "0060070000000000" + "3bf0061c4e705746b9cd681a087a2fdc" + "0202" +
		"04044600" + hex.EncodeToString(wide(`\EFI\systemd\systemd-bootx64.efi`)) +
		"7fff0400"
	if got := hex.EncodeToString(option().load()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func decode(t *testing.T, raw []byte) map[string][]byte {
	t.Helper()
	s, err := efivars.Decode(bytes.NewReader(raw), int64(len(raw)))
	must(t, err)
	out := map[string][]byte{}
	for _, v := range s.Variables {
		if !v.Live() {
			continue
		}
		if _, twice := out[v.Name]; twice {
			t.Errorf("%s is there twice", v.Name)
		}
		if v.VendorGUID == globalGUID && (v.Attributes != 7 || v.TimeStamp != efivars.Time{} || v.MonotonicCount != 0) && strings.HasPrefix(v.Name, "Boot") {
			t.Errorf("%+v", v)
		}
		out[v.Name] = v.Data
	}
	return out
}

func TestTheOptionComesFirstAndTheRestStays(t *testing.T) {
	for _, path := range []string{"/usr/share/OVMF/OVMF_VARS_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.ms.fd"} {
		template, err := os.ReadFile(judge.File(t, path))
		must(t, err)
		before := decode(t, template)
		once, err := Variables(template, option())
		must(t, err)
		twice, err := Variables(once, option())
		must(t, err)
		again, err := Variables(template, option())
		must(t, err)
		if !bytes.Equal(once, again) {
			t.Error("not the same bytes each time")
		}
		got := decode(t, twice)
		for name, data := range before {
			if name != bootOrder && !bytes.Equal(data, got[name]) {
				t.Errorf("%s: %s has changed", path, name)
			}
			delete(got, name)
		}
		added, order := []string{}, decode(t, once)[bootOrder]
		for name, data := range got {
			if name == bootOrder {
				continue
			}
			added = append(added, name)
			if !bytes.Equal(data, option().load()) {
				t.Errorf("%s: %x", name, data)
			}
		}
		if len(added) != 2 {
			t.Errorf("%s: added %v", path, added)
		}
		if o := decode(t, twice)[bootOrder]; len(o) != len(before[bootOrder])+4 || !bytes.Equal(o[2:], order) {
			t.Errorf("%s: order %x, then %x", path, order, o)
		}
		if len(twice) != len(template) {
			t.Error("the file has another size")
		}
	}
}

func TestAStoreWithoutSpaceIsSaidToBeFull(t *testing.T) {
	raw, err := os.ReadFile(judge.File(t, "/usr/share/OVMF/OVMF_VARS_4M.fd"))
	must(t, err)
	for {
		more, err := Variables(raw, Option{Description: strings.Repeat("x", 30000), Partition: option().Partition, Path: "/x"})
		if err != nil {
			if !strings.HasPrefix(err.Error(), "the variable store is full: ") {
				t.Error(err)
			}
			break
		}
		raw = more
	}
	s, err := efivars.Decode(bytes.NewReader(raw), int64(len(raw)))
	must(t, err)
	raw[s.Used+10] = 0
	if _, err := Variables(raw, option()); err == nil || !strings.Contains(err.Error(), "is not erased at byte") {
		t.Error(err)
	}
	if _, err := Variables(make([]byte, 1000), option()); err == nil {
		t.Error("zeros are taken for a store")
	}
}

func FuzzVariables(f *testing.F) {
	small := efivars.Store{Volume: efivars.VolumeHeader{FileSystemGUID: efivars.NVDataGUID, FvLength: 1024}, BlockMap: make([]byte, 8), Header: efivars.StoreHeader{Size: 800}}
	raw, err := small.Encode()
	must(f, err)
	f.Add(raw)
	small.Authenticated = true
	raw, err = small.Encode()
	must(f, err)
	f.Add(raw)
	f.Fuzz(func(t *testing.T, raw []byte) {
		out, err := Variables(raw, option())
		if err != nil {
			return
		}
		if _, err := efivars.Decode(bytes.NewReader(out), int64(len(out))); err != nil {
			t.Fatal(err)
		}
	})
}
