package report

import "testing"

// TestOnePartitionsBytesAddUp: what each partition's report counts comes to
// what the disk's does.
func TestOnePartitionsBytesAddUp(t *testing.T) {
	whole := many()
	if err := whole.Finish(); err != nil {
		t.Fatal(err)
	}
	var sum int64
	for _, n := range []int{0, 1, 2, 3, 4, 5} {
		r := many()
		if err := r.Finish(); err != nil {
			t.Fatal(err)
		}
		if err := r.KeepPartition(n); err != nil {
			t.Fatal(err)
		}
		sum += r.DifferingBytes
		for _, f := range r.Findings {
			if f.Partition != n {
				t.Errorf("partition %d has %s", n, f.ID)
			}
		}
	}
	if sum != whole.DifferingBytes {
		t.Errorf("the partitions' bytes are %d, the disk's %d", sum, whole.DifferingBytes)
	}
}
