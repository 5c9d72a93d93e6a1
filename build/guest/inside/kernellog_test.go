package inside

import "testing"

// The records are as Linux 6.1 writes them.
var killed = []string{
	"4,610,11173894,-;busybox invoked oom-killer: gfp_mask=0x140dca(GFP_HIGHUSER_MOVABLE|__GFP_COMP|__GFP_ZERO), order=0, oom_score_adj=0\n",
	"6,640,11173990,-;oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/,task=busybox,pid=85,uid=0\n",
	"3,641,11174000,-;Out of memory: Killed process 85 (busybox) total-vm:89280kB, anon-rss:87188kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:208kB oom_score_adj:0\n",
}

func TestKernelLog(t *testing.T) {
	for in, want := range map[string]record{
		"6,339,5140900,-;NET: Registered protocol family\n":               {6, "NET: Registered protocol family"},
		"30,340,5690716,c;udevd: x;y\n SUBSYSTEM=acpi\n DEVICE=+acpi:x\n": {6, "udevd: x;y"},
		"3,1,2,-,caller=T1;FAT-fs (vda2): IO charset ascii not found\n":   {3, "FAT-fs (vda2): IO charset ascii not found"},
	} {
		if got, ok := parseRecord(in); !ok || got != want {
			t.Errorf("%q is %+v", in, got)
		}
	}
	for _, in := range []string{"", ";", "a,1;b", "6,1,2", "-3,1;x"} {
		if got, ok := parseRecord(in); ok {
			t.Errorf("%q is %+v", in, got)
		}
	}
	var all []record
	for _, in := range killed {
		r, ok := parseRecord(in)
		if !ok || !killedForMemory([]record{r}) {
			t.Errorf("%q is not seen", in)
		}
		all = append(all, r)
	}
	quiet := []record{{3, "FAT-fs (vda2): IO charset ascii not found"}, {6, "systemd[1]: a unit is out of memory"}, {4, " "}}
	if killedForMemory(quiet) || !killedForMemory(append(quiet, all...)) || killedForMemory(nil) {
		t.Error("a lack of memory is seen where there is none, or not where there is one")
	}
	if got := lastComplaint(quiet); got != " (the kernel: FAT-fs (vda2): IO charset ascii not found)" {
		t.Errorf("%q", got)
	}
	if got := lastComplaint(quiet[1:]); got != "" {
		t.Errorf("%q", got)
	}
}
