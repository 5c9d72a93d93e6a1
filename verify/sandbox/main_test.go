package sandbox

import (
	"os"
	"testing"

	"github.com/reprodisk/reprodisk/build/guest/inside"
)

func TestMain(m *testing.M) {
	inside.Main(Guest)
	Main()
	os.Exit(m.Run())
}
