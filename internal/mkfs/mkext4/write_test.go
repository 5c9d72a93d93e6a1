package mkext4

import (
	"fmt"
	"testing"

	"github.com/reprodisk/reprodisk/internal/tree"
)

func TestE2fsckFindsNothing(t *testing.T) {
	trees := map[string]func() *tree.Node{
		"empty":   func() *tree.Node { return dir("") },
		"variety": variety,
	}
	for name, build := range trees {
		for _, mib := range []int64{1, 7, 8, 9, 64, 128, 129, 200, 500, 513, 1024, 2300, 5 << 10, 20 << 10} {
			if name == "variety" && mib < 9 {
				continue
			}
			t.Run(fmt.Sprintf("%s/%d MiB", name, mib), func(t *testing.T) {
				clean(t, image(t, build(), options(mib<<20)))
			})
		}
	}
}
