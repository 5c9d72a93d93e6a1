package sandbox

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/build/guest/inside"
	"github.com/reprodisk/reprodisk/internal/patherr"
	"github.com/reprodisk/reprodisk/verify/sandbox/vm"
	"github.com/reprodisk/reprodisk/verify/world"
)

// machineRun is what the guest is told: the run, at level isolated, and who is
// its caller.
type machineRun struct {
	Request Request `json:"request"`
	Merged  bool    `json:"merged"` // both outputs are one
	UID     int     `json:"uid"`
	GID     int     `json:"gid"`
	Groups  []int   `json:"groups"`
}

// machineReply is what it answers.
type machineReply struct {
	Result *Result `json:"result"`
	Error  string  `json:"error,omitempty"` // why there is none
	OOM    bool    `json:"oom"`             // the machine had no memory left
	Ran    Ran     `json:"ran"`
}

// Guest is the part of the level vm that runs in the guest, for inside.Main: the
// level isolated. Its init is root; the caller's numbers are its caller's there
// as well, for a build is to see whose its files are.
var Guest inside.Task = vm.Task(func(g *vm.Guest) ([]byte, error) {
	var run machineRun
	if err := json.Unmarshal(g.What, &run); err != nil {
		return nil, fmt.Errorf("the run's orders: %w", err)
	}
	run.Request.Stdout, run.Request.Stderr = g.Stdout, g.Stderr
	if run.Merged {
		run.Request.Stderr = g.Stdout
	}
	reply := machineReply{}
	if run.UID == 0 {
		reply = run.do()
	} else if err := run.asCaller(&reply); err != nil {
		reply.Error = err.Error()
	}
	m := world.ReadMachine()
	reply.OOM, reply.Ran = g.OutOfMemory(), Ran{Kernel: m.Kernel, CPUs: m.CPUs, Memory: m.Memory}
	return json.Marshal(reply)
})

// do does the run in this process.
func (m *machineRun) do() (reply machineReply) {
	res, err := Run(context.Background(), m.Request)
	if err != nil {
		return machineReply{Error: err.Error()}
	}
	return machineReply{Result: res}
}

// callerPath is where a caller's part looks for newuidmap(1).
const callerPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/wrappers/bin:/run/current-system/sw/bin"

// asCaller does the run in a process that has the caller's numbers.
func (m *machineRun) asCaller(reply *machineReply) error {
	if err := os.Chown(m.Request.OutDir, m.UID, m.GID); err != nil {
		return patherr.At(m.Request.OutDir, err)
	}
	unbind()
	group := m.delegate()
	ordersR, ordersW, err := os.Pipe()
	if err != nil {
		return err
	}
	replyR, replyW, err := os.Pipe()
	if err != nil {
		return err
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Args, cmd.Env, cmd.Dir, cmd.WaitDelay = []string{guestName}, []string{callerPath}, "/", time.Minute // the host may be slow to take what it says
	cmd.Stdout, cmd.Stderr = m.Request.Stdout, m.Request.Stderr
	cmd.ExtraFiles = []*os.File{ordersR, replyW}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(m.UID), Gid: uint32(m.GID)}}
	for _, g := range m.Groups {
		cmd.SysProcAttr.Credential.Groups = append(cmd.SysProcAttr.Credential.Groups, uint32(g))
	}
	if group != nil {
		defer group.Close()
		cmd.SysProcAttr.UseCgroupFD, cmd.SysProcAttr.CgroupFD = true, int(group.Fd())
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("cannot start as the caller: %w", patherr.Bare(err))
	}
	ordersR.Close()
	replyW.Close()
	orders := *m
	orders.Request.Stdout, orders.Request.Stderr = nil, nil
	told := make(chan error, 1)
	go func() { told <- tell(ordersW, &orders) }()
	b, _ := io.ReadAll(replyR)
	<-told
	err = cmd.Wait()
	if json.Unmarshal(b, reply) == nil {
		return nil
	}
	return fmt.Errorf("the caller's part ended without a reply: %v", err)
}

// unbind takes away what keeps users from making a sandbox, on some
// distributions' kernels: here nobody else is to be kept from them.
func unbind() {
	for name, value := range map[string]string{
		"kernel/unprivileged_userns_clone": "1", "kernel/apparmor_restrict_unprivileged_userns": "0", "kernel/yama/ptrace_scope": "0",
	} {
		_ = writeTo("/proc/sys/"+name, value)
	}
}

// delegate makes a control group in which the caller may make others, and opens
// the one in it that the caller's part is to be in; nil where that cannot be.
func (m *machineRun) delegate() *os.File {
	const top = "/sys/fs/cgroup/caller"
	self := filepath.Join(top, "self")
	if os.MkdirAll(self, 0o755) != nil {
		return nil
	}
	for _, controller := range []string{"+memory", "+pids"} {
		_ = writeTo(filepath.Join(top, "cgroup.subtree_control"), controller)
	}
	for _, p := range []string{top, filepath.Join(top, "cgroup.procs"), self, filepath.Join(self, "cgroup.procs")} {
		if os.Chown(p, m.UID, m.GID) != nil {
			return nil
		}
	}
	f, err := os.OpenFile(self, unix.O_DIRECTORY|unix.O_RDONLY, 0)
	if err != nil {
		return nil
	}
	return f
}

// guestStage is the part of a guest that has the caller's numbers. Standard
// output and error are the build's.
func guestStage() int {
	var m machineRun
	if err := hear(ordersFD, &m); err != nil {
		return 1
	}
	m.Request.Stdout, m.Request.Stderr = os.Stdout, os.Stderr
	if m.Merged {
		m.Request.Stderr = os.Stdout
	}
	answer := m.do()
	if json.NewEncoder(os.NewFile(ordersFD+1, "reply")).Encode(&answer) != nil {
		return 1
	}
	return 0
}
