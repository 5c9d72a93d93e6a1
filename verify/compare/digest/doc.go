// Package digest computes the SHA-256 (FIPS 180-4) of whole virtual disks and
// of their partitions, in one pass over each disk.
//
// Holes are not read: their zeros are fed to the hash from memory. They still
// have to be hashed, so the cost in processor time follows the virtual size,
// and only the cost in reading follows what is allocated.
//
// What it refuses: partitions that overlap so much that they come to more than
// MaxPasses times the disk. A hostile table could name the whole disk a
// thousand times.
//
// It imports nothing of this project but the disk that package scan reads.
package digest
