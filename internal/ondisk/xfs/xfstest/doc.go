// Package xfstest makes XFS filesystems for tests: with mkfs.xfs, with one of
// everything that the kernel stores differently, and one so small that
// thousands of damaged copies of it can be read.
package xfstest
