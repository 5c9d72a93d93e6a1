package format

import "fmt"

func tooLarge(format string, size, most int64) error {
	return fmt.Errorf("%s holds up to %d bytes, not a disk of %d: choose another format", format, most, size)
}
