package kernel

import (
	"fmt"
	"os"
	"testing"
)

// findVariable has the test's program say what Find finds below a root.
const findVariable = "REPRODISK_TEST_FIND"

// TestMain is also what a guest of the tests starts as its init, and a process
// of another user.
func TestMain(m *testing.M) {
	if dir := os.Getenv(findVariable); dir != "" {
		_, err := Find(Where{Root: dir})
		fmt.Println(err)
		return
	}
	if os.Getpid() == 1 {
		if _, err := os.Stat(guestOrder); err == nil {
			guest()
			return
		}
	}
	os.Exit(m.Run())
}
