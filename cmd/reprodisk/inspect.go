package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/reprodisk/reprodisk/internal/inspect"
	"github.com/reprodisk/reprodisk/internal/patherr"
	"github.com/reprodisk/reprodisk/split"
)

type inspectOptions struct {
	open       split.OpenOptions
	json       bool
	crossCheck bool
}

func (a *app) inspectCommand() *cobra.Command {
	var o inspectOptions
	cmd := &cobra.Command{
		Use:   "inspect [flags] IMAGE",
		Short: "Show every decoded field of tables and filesystems",
		Long: `Show the fields of an image's partition tables (both copies of a GPT), and of
its filesystems' superblocks, group descriptors, boot and FSInfo sectors: byte
offset on the disk, length, the specification's name, value; and whether each
checksum is right. Backup superblocks and group descriptors take a line each;
--verbose and --json show all of their fields.

--cross-check reads ext4 with a second, independent library as well and lists
what it reads differently.
Exit status: 0, 1 where the cross-check finds something, 2 trouble.`,
		Example: `  reprodisk inspect nixos.img
  reprodisk inspect --json --cross-check nixos.img`,
		Args: wants("IMAGE"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.inspect(cmd.Context(), &o, args[0]) },
	}
	cmd.Flags().BoolVarP(&o.json, "json", "J", false, "print JSON")
	addOpenFlags(cmd.Flags(), &o.open)
	cmd.Flags().BoolVar(&o.crossCheck, "cross-check", false, "compare ext4 structures with what another library reads")
	return cmd
}

// inspection is the JSON that inspect prints.
type inspection struct {
	*inspect.Inspection
	CrossCheck *inspect.SecondOpinion `json:"cross_check,omitempty"`
}

func (a *app) inspect(ctx context.Context, o *inspectOptions, path string) error {
	img, err := split.OpenWith(ctx, path, o.open)
	if err != nil {
		return err
	}
	defer img.Close()
	out := inspection{}
	if out.Inspection, err = inspect.Image(img); err != nil {
		return err
	}
	if o.crossCheck {
		out.CrossCheck = inspect.CrossCheck(img, out.Inspection)
	}
	var b bytes.Buffer
	if o.json {
		enc := json.NewEncoder(&b)
		enc.SetIndent("", "  ")
		if err := enc.Encode(out); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	} else {
		inspectionText(&b, out, a.global.verbose)
	}
	if _, err := a.stdout.Write(b.Bytes()); err != nil {
		return patherr.At("standard output", err)
	}
	if out.CrossCheck != nil && len(out.CrossCheck.Mismatches) > 0 {
		return errDiffers
	}
	return nil
}

// inspectionText prints an inspection for a person.
func inspectionText(w io.Writer, in inspection, verbose bool) {
	fmt.Fprintf(w, "%s: %s, %d bytes, sectors of %d bytes, partition table: %s\n",
		oneLine(in.Path), in.Format, in.Size, in.SectorSize, cmp.Or(in.Table, "none"))
	structures := in.Structures
	structures = printStructures(w, structures, 0, in.Table != "", verbose)
	for _, v := range in.Volumes {
		name := fmt.Sprintf("partition %d", v.Partition)
		if v.Partition == 0 {
			name = "whole disk"
		}
		fmt.Fprintf(w, "\n%s: bytes %d to %d", name, v.Offset, v.Offset+v.Length-1)
		for _, s := range []string{v.TypeName, v.Format} {
			if s != "" {
				fmt.Fprintf(w, ", %s", oneLine(s))
			}
		}
		if v.Label != "" {
			fmt.Fprintf(w, ", label %q", v.Label)
		}
		if v.UUID != "" {
			fmt.Fprintf(w, ", UUID %s", oneLine(v.UUID))
		}
		fmt.Fprintln(w)
		structures = printStructures(w, structures, v.Partition, false, verbose)
	}
	for i, s := range in.Warnings {
		if i == 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "warning: %s\n", oneLine(s))
	}
	if in.CrossCheck != nil {
		crossCheckText(w, in.CrossCheck)
	}
}

// printStructures prints the structures of one partition from the front of the
// list, and returns the rest. With tables, it stops where filesystems begin.
func printStructures(w io.Writer, list []inspect.Structure, partition int, tables, verbose bool) []inspect.Structure {
	for len(list) > 0 {
		s := &list[0]
		table := s.Format == "mbr" || s.Format == "gpt"
		if s.Partition != partition || tables != table {
			return list
		}
		printStructure(w, s, verbose)
		list = list[1:]
	}
	return list
}

func printStructure(w io.Writer, s *inspect.Structure, verbose bool) {
	name := strings.TrimSpace(s.Format + " " + s.Name + " " + s.Index)
	sum := ""
	if c := s.Checksum; c != nil {
		sum = ", " + c.Field + " is valid"
		if !c.Valid {
			sum = fmt.Sprintf(", %s is %s, but the bytes give %s", c.Field, c.Stored, c.Computed)
		}
	}
	brief := !verbose && (s.Name == "group descriptor" || s.Name == "backup superblock")
	if !brief || s.Name == "backup superblock" || s.Index == "group 0" {
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "%s: byte %d%s\n", name, s.Offset, sum)
	if brief {
		if s.Name == "group descriptor" {
			groupText(w, s)
		}
		return
	}
	offsets, names := 0, 0
	for _, f := range s.Fields {
		offsets = max(offsets, len(fmt.Sprint(f.Offset)))
		names = max(names, len(f.Name))
	}
	for _, f := range s.Fields {
		value := shorten(oneLine(f.Value), verbose)
		if f.Note != "" {
			value += "  (" + oneLine(f.Note) + ")"
		}
		line := fmt.Sprintf("  %*d %4d  %-*s  %s", offsets, f.Offset, f.Length, names, f.Name, value)
		fmt.Fprintln(w, strings.TrimRight(line, " "))
	}
}

// groupText prints the fields of a group descriptor that tell where things are
// and how much is free.
func groupText(w io.Writer, s *inspect.Structure) {
	var parts []string
	for _, f := range s.Fields {
		switch f.Name {
		case "bg_block_bitmap_lo", "bg_inode_bitmap_lo", "bg_inode_table_lo", "bg_free_blocks_count_lo", "bg_free_inodes_count_lo":
			parts = append(parts, f.Name+" "+f.Value)
		}
	}
	fmt.Fprintf(w, "  %s\n", strings.Join(parts, ", "))
}

// shorten keeps long runs of bytes, such as boot code, on a line.
func shorten(value string, verbose bool) string {
	const most = 64
	if verbose || utf8.RuneCountInString(value) <= most {
		return value
	}
	if strings.Trim(value, "0") == "" {
		return "zeros"
	}
	return string([]rune(value)[:most]) + "…"
}

func crossCheckText(w io.Writer, s *inspect.SecondOpinion) {
	fmt.Fprintf(w, "\ncross-check: %d fields of %d ext4 volumes compared, %d read differently\n", s.Fields, s.Volumes, len(s.Mismatches))
	for _, m := range s.Mismatches {
		fmt.Fprintf(w, "  partition %d, %s %d: %s at byte %d: %s here, %s there\n", m.Partition, m.Structure, m.Number, m.Field, m.Offset, m.Ours, m.Theirs)
	}
	for _, r := range s.Refused {
		fmt.Fprintf(w, "  not compared: %s\n", oneLine(r))
	}
}
