package world

// Name is the name of a variation: a part of a World.
type Name string

const (
	Time         Name = "time"
	Timezone     Name = "timezone"
	LocaleName   Name = "locale"
	Environment  Name = "environment"
	ExecPath     Name = "exec_path"
	Home         Name = "home"
	BuildPath    Name = "build_path"
	UserGroup    Name = "user_group"
	Umask        Name = "umask"
	DomainHost   Name = "domain_host"
	FileOrdering Name = "fileordering"
	NumCPUs      Name = "num_cpus"
	ASLRName     Name = "aslr"
	KernelName   Name = "kernel"
	RandomName   Name = "random"
	PID          Name = "pid"
	Memory       Name = "memory"
	FilesystemOf Name = "filesystem"
	InodesName   Name = "inodes"
	InputTimesOf Name = "input_times"
	Load         Name = "load"
)

// Names lists every variation, in the order in which reports have them.
func Names() []Name {
	return []Name{
		Time, Timezone, LocaleName, Environment, ExecPath, Home, BuildPath, UserGroup, Umask, DomainHost,
		FileOrdering, NumCPUs, ASLRName, KernelName, RandomName, PID, Memory, FilesystemOf, InodesName, InputTimesOf, Load,
	}
}
