// Package compare says what differs between two opened disk images, down to
// the last byte, and what follows from what.
//
// Data runs: scan finds the spans that differ; tablecmp compares the partition
// tables; each pair of partitions goes to the comparer of its format; the
// ledger gives every differing byte to a finding. What comes out is a
// report.Report whose findings add up.
//
// Partitions are paired by number. Two that begin at different sectors are
// compared by what they hold; where their bytes lie is then a consequence of
// the table. A partition whose format nobody here reads is one finding of
// structure "unknown".
//
// Nothing is written. An image may be damaged or hostile: what cannot be read
// becomes a warning and unexplained bytes, never a crash.
package compare
