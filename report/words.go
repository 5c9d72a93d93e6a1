package report

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// Commas prints a number with a comma every three digits.
func Commas(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// Counted is a number with its noun: "1 cause", "3 causes".
func Counted(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return Commas(n) + " " + plural(noun)
}

// plural is the plural of a noun, or of a structure's name, as far as the
// names of on-disk structures need it.
func plural(noun string) string {
	for _, mass := range []string{"data", "space", "slack", "area", "code"} {
		if noun == mass || strings.HasSuffix(noun, " "+mass) {
			return noun
		}
	}
	switch {
	case noun == "":
		return ""
	case strings.HasSuffix(noun, "ey"), strings.HasSuffix(noun, "ay"):
		return noun + "s"
	case strings.HasSuffix(noun, "y"):
		return noun[:len(noun)-1] + "ies"
	case strings.HasSuffix(noun, "s"), strings.HasSuffix(noun, "x"), strings.HasSuffix(noun, "ch"):
		return noun + "es"
	}
	return noun + "s"
}

// HumanSize prints a number of bytes in the largest unit that has it exactly, or
// with one decimal and the unit that a person would choose.
func HumanSize(n int64) string {
	units := []string{"KiB", "MiB", "GiB", "TiB", "PiB"}
	unit := -1
	for v := n; v >= 1024 && unit+1 < len(units); v /= 1024 {
		unit++
	}
	if unit < 0 {
		return Counted(n, "byte")
	}
	scale := int64(1) << (10 * (unit + 1))
	if n%scale == 0 {
		return fmt.Sprintf("%d %s", n/scale, units[unit])
	}
	if unit > 0 && n%(scale/1024) == 0 && n/(scale/1024) < 10_000 {
		return fmt.Sprintf("%d %s", n/(scale/1024), units[unit-1])
	}
	// By whole numbers: a float would round differently at the edges.
	tenths := new(big.Int).Mul(big.NewInt(n), big.NewInt(10))
	t := tenths.Div(tenths, big.NewInt(scale)).Int64()
	return fmt.Sprintf("%d.%d %s", t/10, t%10, units[unit])
}
