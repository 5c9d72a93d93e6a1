// Package tablecmp compares the partition tables of two disks: MBR with its
// chain of extended boot records, and both copies of a GPT.
//
// A field of the backup copy follows the primary's where both changed alike; a
// checksum follows what it covers; a place that moved because the disk or the
// partition before it has another size follows that. What is left are the
// roots.
//
// Partitions are paired by number, as the kernel names them. The structures
// and their names are those of packages mbr and gpt.
package tablecmp
