//go:build linux

package supervise

import "golang.org/x/sys/unix"

// answers says what is done at a traced call, before it is made. The thread goes
// on afterwards.
var answers = [kinds]func(*supervisor, *thread){
	callClockGettime:   (*supervisor).clockGettime,
	callGettimeofday:   (*supervisor).gettimeofday,
	callTime:           (*supervisor).time,
	callFutex:          (*supervisor).futex,
	callFutexWait:      (*supervisor).futexWait,
	callFutexWaitv:     (*supervisor).futexWaitv,
	callClockNanosleep: (*supervisor).clockNanosleep,
	callTimerCreate:    (*supervisor).timerCreate,
	callTimerSettime:   (*supervisor).timerSettime,
	callTimerfdSettime: (*supervisor).timerfdSettime,
	callMQTimed:        (*supervisor).mqTimed,
	callStat:           (*supervisor).stat,
	callNewfstatat:     (*supervisor).stat,
	callStatx:          (*supervisor).stat,
	callGetrandom:      (*supervisor).getrandom,
	callOpen:           (*supervisor).open,
	callOpenat:         (*supervisor).openat,
	callOpenat2:        (*supervisor).openat2,
	callUname:          (*supervisor).uname,
	callSysinfo:        (*supervisor).sysinfo,
	callAskPID:         (*supervisor).askPID,
	callAskCPUs:        (*supervisor).askCPUs,
	callGetdents:       (*supervisor).getdents,
	callGetdents64:     (*supervisor).getdents,
	callMount:          (*supervisor).mounted,
	callPtrace:         (*supervisor).deniedPtrace,
}

// called answers a stop of the filter.
func (s *supervisor) called(t *thread) {
	i, ok := t.info()
	if !ok || i.op != infoSeccomp || t.proc.prog == nil || i.data >= uint32(kinds) {
		return // dead, or still the exec stage
	}
	t.call = i
	if answer := answers[i.data]; answer != nil {
		answer(s, t)
	}
}

func (s *supervisor) deniedPtrace(t *thread) {
	s.note(t.proc.name + ": a process of the build is not allowed to trace another (ptrace), it is traced already")
	t.skip(-int64(unix.EPERM))
}
