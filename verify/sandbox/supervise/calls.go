//go:build linux

package supervise

// kind is what a traced system call is to the supervisor. It travels in the 16
// data bits of SECCOMP_RET_TRACE.
type kind uint16

const (
	callUnknown kind = iota
	callClockGettime
	callGettimeofday
	callTime
	callFutex
	callFutexWait
	callFutexWaitv
	callClockNanosleep
	callTimerCreate
	callTimerSettime
	callTimerfdSettime
	callMQTimed // mq_timedsend and mq_timedreceive
	callStat    // stat, lstat, fstat
	callNewfstatat
	callStatx
	callGetrandom
	callOpen
	callOpenat
	callOpenat2
	callGetdents
	callGetdents64
	callUname
	callSysinfo
	callPtrace
	callMount // whatever changes which filesystem is where
	// What is only watched.
	callAskPID
	callAskCPUs
	kinds
)

// clocks that show what time it is, by their numbers in linux/time.h.
const (
	clockRealtime       = 0
	clockRealtimeCoarse = 5
	clockRealtimeAlarm  = 8
	clockTAI            = 11
)

func isDate(clock uint64) bool {
	switch uint32(clock) {
	case clockRealtime, clockRealtimeCoarse, clockRealtimeAlarm, clockTAI:
		return true
	}
	return false
}

// Of futex(2), linux/futex.h.
const (
	futexCmdMask       = 127
	futexLockPI        = 6
	futexClockRealtime = 256
)

const timerAbstime = 1 // TIMER_ABSTIME, and TFD_TIMER_ABSTIME

// magic marks the clock calls of the patched vDSO, in the sixth argument, which
// clock_gettime does not have. "reprodis", read as a number.
const magic = 0x7265_7072_6f64_6973
