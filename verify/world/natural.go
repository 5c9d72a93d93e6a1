package world

// Natural is one part of the two worlds of a plain verification, in which that
// part is to differ: the machine's own as far as it is always the same, and
// another one. Where a part differs by itself from one build to the next, both
// are the machine's.
func Natural(a, b World, n Name, m Machine) (World, World, error) {
	switch n {
	case RandomName:
		return a, b, nil // the kernel's, never twice the same
	case ASLRName:
		if m.ASLR {
			return a, b, nil // likewise
		}
	case FileOrdering:
		// The filesystem's order may happen to be either of these.
		a.FileOrdering = Ordering{Mode: OrderSorted}
		b.FileOrdering = Ordering{Mode: OrderReversed}
		return a, b, nil
	case FilesystemOf:
		a.Filesystem, b.Filesystem = FilesystemTmpfs, FilesystemDisk
		return a, b, nil
	}
	other, err := Vary(a, n, m)
	if err != nil {
		return a, b, err
	}
	return a, with(b, n, other), nil
}

// BySelf tells whether a part of the machine's own world differs from one
// build to the next without anybody's doing.
func BySelf(n Name) bool { return n == Time || n == RandomName || n == ASLRName || n == PID }

// Costly is why a variation is not made unless it is asked for; empty for the
// others.
func Costly(n Name, m Machine) string {
	switch {
	case n == Load:
		return "it slows the second build down; --vary +load makes it"
	case n == FilesystemOf:
		return "one of the two builds would have to fit into memory; --vary +filesystem makes it"
	case n == InodesName:
		return "each look at a file would take longer; --vary +inodes makes it"
	case n == UserGroup && m.User.UID == 0:
		return "a builder that is run by root may need root; --vary +user_group makes it"
	}
	return ""
}

// Default lists what a plain verification varies: all that a builder has to
// bear and that costs nothing.
func Default(m Machine) []Name {
	var out []Name
	for _, n := range Names() {
		if Costly(n, m) == "" {
			out = append(out, n)
		}
	}
	return out
}
