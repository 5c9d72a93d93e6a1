// ask asks the system about the world, in every way there is, and prints what
// it is told. gcc -O2 ask.c -o ask -lpthread -lrt; also -static.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FAIL(...) (fprintf(stderr, __VA_ARGS__), fprintf(stderr, ": %s\n", strerror(errno)), exit(1))

static void show(const char *name, long v) { printf("%s %ld\n", name, v); }

static void ask_clock(void) {
	int clocks[] = {CLOCK_REALTIME, CLOCK_REALTIME_COARSE, CLOCK_REALTIME_ALARM, CLOCK_TAI};
	struct timespec ts;
	struct timeval tv;
	struct timezone tz = {1, 1};
	for (int i = 0; i < 4; i++) {
		if (clock_gettime(clocks[i], &ts)) { // not every machine has ALARM
			if (errno != EINVAL) FAIL("clock %d", clocks[i]);
		} else {
			show("clock_gettime", ts.tv_sec);
			if (ts.tv_nsec < 0 || ts.tv_nsec > 999999999) FAIL("nanoseconds %ld", ts.tv_nsec);
		}
		if (!syscall(SYS_clock_gettime, clocks[i], &ts)) show("syscall", ts.tv_sec);
	}
	if (gettimeofday(&tv, NULL)) FAIL("gettimeofday");
	show("gettimeofday", tv.tv_sec);
	if (tv.tv_usec < 0 || tv.tv_usec > 999999) FAIL("microseconds %ld", tv.tv_usec);
	if (syscall(SYS_gettimeofday, &tv, &tz)) FAIL("gettimeofday");
	show("syscall", tv.tv_sec);
	if (tz.tz_minuteswest) FAIL("time zone");
	time_t t;
	show("time", time(&t));
	show("time", t);
	show("syscall", syscall(SYS_time, &t));
	show("time", t);
	// The time goes on, and never back.
	struct timespec last = {0};
	for (int i = 0; i < 2000; i++) {
		clock_gettime(CLOCK_REALTIME, &ts);
		if (ts.tv_sec < last.tv_sec || (ts.tv_sec == last.tv_sec && ts.tv_nsec < last.tv_nsec)) FAIL("back in time");
		last = ts;
	}
}

static void ask_vsyscall(void) {
	char line[256];
	FILE *f = fopen("/proc/self/maps", "r");
	while (fgets(line, sizeof line, f))
		if (strstr(line, "[vsyscall]")) {
			struct timeval tv;
			((int (*)(struct timeval *, void *))0xffffffffff600000)(&tv, NULL);
			show("vsyscall", tv.tv_sec);
			show("vsyscall", ((long (*)(void *))0xffffffffff600400)(NULL));
		}
}

static double monotonic(void) {
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static struct timespec in(double seconds) {
	struct timespec ts;
	clock_gettime(CLOCK_REALTIME, &ts);
	long ns = ts.tv_nsec + (long)(seconds * 1e9);
	while (ns < 0) ns += 1000000000, ts.tv_sec--;
	ts.tv_sec += ns / 1000000000;
	ts.tv_nsec = ns % 1000000000;
	return ts;
}

#define WAIT 0.3
static double begun;
static void waited(const char *what, double want) {
	double took = monotonic() - begun;
	if (took < want - 0.02 || took > want + 60) FAIL("%s took %.3f s, not %.3f", what, took, want);
	printf("%s waited\n", what);
	begun = monotonic();
}

static volatile sig_atomic_t rang;
static void ring(int sig) { rang++; }

static void ask_deadlines(void) {
	struct timespec ts;
	sem_t sem;
	sem_init(&sem, 0, 0);
	begun = monotonic();
	ts = in(WAIT);
	if (sem_timedwait(&sem, &ts) != -1 || errno != ETIMEDOUT) FAIL("sem_timedwait");
	waited("semaphore", WAIT);
	ts = in(-5);
	if (sem_timedwait(&sem, &ts) != -1 || errno != ETIMEDOUT) FAIL("sem_timedwait");
	waited("past", 0);

	pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
	pthread_cond_t c = PTHREAD_COND_INITIALIZER;
	pthread_mutex_lock(&m);
	ts = in(WAIT);
	if (pthread_cond_timedwait(&c, &m, &ts) != ETIMEDOUT) FAIL("pthread_cond_timedwait");
	waited("condition", WAIT);

	ts = in(WAIT);
	if (clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &ts, NULL)) FAIL("clock_nanosleep");
	waited("sleep", WAIT);

	struct sigaction sa = {.sa_handler = ring};
	sigaction(SIGUSR1, &sa, NULL);
	timer_t timer;
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	if (timer_create(CLOCK_REALTIME, &ev, &timer)) FAIL("timer_create");
	struct itimerspec its = {.it_value = in(WAIT)};
	if (timer_settime(timer, TIMER_ABSTIME, &its, NULL)) FAIL("timer_settime");
	while (!rang) usleep(1000);
	waited("timer", WAIT);

	int fd = timerfd_create(CLOCK_REALTIME, 0);
	its.it_value = in(WAIT);
	if (timerfd_settime(fd, TFD_TIMER_ABSTIME, &its, NULL)) FAIL("timerfd_settime");
	uint64_t n;
	if (read(fd, &n, 8) != 8 || n != 1) FAIL("timerfd");
	waited("timerfd", WAIT);

	// By the monotonic clock nothing is shifted.
	fd = timerfd_create(CLOCK_MONOTONIC, 0);
	clock_gettime(CLOCK_MONOTONIC, &its.it_value);
	its.it_value.tv_sec++;
	if (timerfd_settime(fd, TFD_TIMER_ABSTIME, &its, NULL)) FAIL("timerfd_settime");
	if (read(fd, &n, 8) != 8 || n != 1) FAIL("timerfd");
	waited("monotonic", 1);

	// A wait that signals interrupt again and again lasts no longer.
	struct sigaction again = {.sa_handler = ring, .sa_flags = SA_RESTART};
	sigaction(SIGALRM, &again, NULL);
	struct itimerval tick = {{0, 20000}, {0, 20000}};
	setitimer(ITIMER_REAL, &tick, NULL);
	begun = monotonic();
	ts = in(WAIT);
	while (sem_timedwait(&sem, &ts) == -1 && errno == EINTR);
	if (errno != ETIMEDOUT) FAIL("sem_timedwait");
	waited("interrupted", WAIT);
	memset(&tick, 0, sizeof tick);
	setitimer(ITIMER_REAL, &tick, NULL);
}

static void ask_files(void) {
	struct stat st;
	struct statx sx;
	int fd = open("made", O_CREAT | O_WRONLY, 0644);
	if (fd < 0 || write(fd, "x", 1) != 1) FAIL("made");
#define SHOW(what) show(what, st.st_mtime), show(what, st.st_ctime), show(what, st.st_atime)
	if (stat("made", &st)) FAIL("stat");
	SHOW("stat");
	if (lstat("made", &st)) FAIL("lstat");
	SHOW("lstat");
	if (fstat(fd, &st)) FAIL("fstat");
	SHOW("fstat");
	if (fstatat(AT_FDCWD, "made", &st, AT_SYMLINK_NOFOLLOW)) FAIL("fstatat");
	SHOW("fstatat");
	if (syscall(SYS_stat, "made", &st)) FAIL("stat");
	SHOW("syscall");
	if (syscall(SYS_fstat, fd, &st)) FAIL("stat");
	SHOW("syscall");
	if (statx(AT_FDCWD, "made", 0, STATX_BASIC_STATS | STATX_BTIME, &sx)) FAIL("statx");
	show("statx", sx.stx_atime.tv_sec), show("statx", sx.stx_mtime.tv_sec), show("statx", sx.stx_ctime.tv_sec);
	if (sx.stx_mask & STATX_BTIME) show("statx", sx.stx_btime.tv_sec);
	struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, {.tv_sec = 12345, .tv_nsec = 678}};
	if (futimens(fd, times)) FAIL("futimens");
	if (stat("made", &st)) FAIL("stat");
	show("now", st.st_atime);
	if (st.st_mtim.tv_sec != 12345 || st.st_mtim.tv_nsec != 678) FAIL("explicit time %ld", st.st_mtime);
	unlink("made");
}

static void ask_random(void) {
	unsigned char b[64];
	if (getrandom(b, 16, 0) != 16) FAIL("getrandom");
#define HEX(name, n) do { printf("%s ", name); for (int i = 0; i < n; i++) printf("%02x", b[i]); puts(""); } while (0)
	HEX("getrandom", 16);
	memcpy(b, (void *)getauxval(AT_RANDOM), 16);
	HEX("auxv", 16);
	const char *devs[] = {"/dev/urandom", "/dev/random"};
	for (int d = 0; d < 2; d++) {
		int fd = open(devs[d], O_RDONLY);
		struct stat st;
		if (fd < 0 || fstat(fd, &st)) FAIL("%s", devs[d]);
		printf("device %d %lx\n", S_ISCHR(st.st_mode), (long)st.st_rdev);
		if (read(fd, b, 8) != 8) FAIL("read");
		HEX("read", 8);
		int fd2 = dup(fd);
		close(fd);
		struct iovec v[2] = {{b, 3}, {b + 3, 5}};
		if (readv(fd2, v, 2) != 8) FAIL("readv");
		HEX("readv", 8);
		if (pread(fd2, b, 8, 100) != 8) FAIL("pread");
		HEX("pread", 8);
		static unsigned char big[1 << 20];
		if (read(fd2, big, sizeof big) != sizeof big) FAIL("big read");
		unsigned sum = 0;
		for (int i = 0; i < (int)sizeof big; i++) sum = sum * 31 + big[i];
		printf("big %u\n", sum);
		if (read(fd2, (void *)1, 8) != -1 || errno != EFAULT) FAIL("bad read");
		close(fd2);
	}
	// Descriptors that are no device any more are left alone.
	int fd = open("/dev/zero", O_RDONLY);
	if (read(fd, b, 8) != 8 || b[0] || b[7]) FAIL("zero");
	char text[64];
	for (int i = 0; i < 2; i++) {
		const char *name = i ? "/proc/sys/kernel/random/boot_id" : "/proc/sys/kernel/random/uuid";
		FILE *f = fopen(name, "r");
		if (!f || !fgets(text, sizeof text, f) || strlen(text) != 37) FAIL("%s", name);
		fputs(text, stdout);
		fclose(f);
	}
	static unsigned char big[1 << 20];
	if (getrandom(big, sizeof big, 0) != sizeof big) FAIL("big getrandom");
	unsigned sum = 0;
	for (int i = 0; i < (int)sizeof big; i++) sum = sum * 31 + big[i];
	printf("big %u\n", sum);
}

// list prints the folder's names, and goes back and forth in it.
static void ask_dir(void) {
	DIR *d = opendir(".");
	char *names[20000];
	long at[20001];
	int n = 0;
	struct dirent *e;
	at[0] = telldir(d);
	while ((e = readdir(d))) {
		struct stat st;
		if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW)) FAIL("%s", e->d_name);
		if (strcmp(e->d_name, "..") && st.st_ino != e->d_ino) FAIL("%s: inode %ld and %ld", e->d_name, (long)st.st_ino, (long)e->d_ino);
		names[n] = strdup(e->d_name);
		puts(names[n]);
		at[++n] = telldir(d);
	}
	for (int i = 0; i < n; i += 1 + n / 50) {
		seekdir(d, at[i]);
		if (!(e = readdir(d)) || strcmp(e->d_name, names[i])) FAIL("seekdir %d", i);
	}
	rewinddir(d);
	for (int i = 0; i < n; i++)
		if (!(e = readdir(d)) || strcmp(e->d_name, names[i])) FAIL("rewinddir %d", i);
	if (readdir(d)) FAIL("end");
	closedir(d);

	// A position is shared with a duplicate, and with a child.
	int fd = open(".", O_RDONLY | O_DIRECTORY), fd2 = dup(fd), seen = 0;
	char buf[200];
	for (;;) {
		if (seen == 0) {
			pid_t p = fork();
			if (p == 0) _exit(syscall(SYS_getdents64, fd, buf, sizeof buf) > 0 ? 0 : 1);
			int status;
			waitpid(p, &status, 0);
			if (status) FAIL("child");
			seen = -1;
		}
		long got = syscall(SYS_getdents64, seen & 1 ? fd : fd2, buf, sizeof buf);
		if (got < 0) FAIL("getdents64");
		if (got == 0) break;
		for (long o = 0; o < got; o += ((unsigned short *)(buf + o))[8])
			if (!strcmp(buf + o + 19, names[0])) FAIL("%s twice", names[0]);
		seen--;
	}
	lseek(fd, 0, SEEK_SET);
	if (syscall(SYS_getdents64, fd, buf, 10) != -1 || errno != EINVAL) FAIL("small buffer");
	if (syscall(SYS_getdents64, fd, 1, 1000) != -1 || errno != EFAULT) FAIL("bad buffer");
	long got = syscall(SYS_getdents64, fd, buf, sizeof buf);
	if (got <= 0 || strcmp(buf + 19, names[0])) FAIL("first");
	lseek(fd, 0, SEEK_SET);
	got = syscall(SYS_getdents, fd, buf, sizeof buf);
	if (got <= 0 || strcmp(buf + 18, names[0])) FAIL("getdents");
	if (buf[((unsigned short *)buf)[8] - 1] != (names[0][0] == '.' ? DT_DIR : DT_REG)) FAIL("type");
}

static void ask_system(void) {
	struct utsname u;
	struct sysinfo si;
	uname(&u);
	sysinfo(&si);
	printf("%s %s %s\n", u.nodename, u.release, u.version);
	show("memory", (long)si.totalram * si.mem_unit);
	show("pages", sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE));
}

// ask_faults gives bad pointers and gets EFAULT.
static void ask_faults(void) {
	void *bad[] = {(void *)8, mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), (void *)-4096L};
	for (int i = 0; i < 3; i++) {
		void *p = bad[i];
#define FAULT(...) if (syscall(__VA_ARGS__) != -1 || errno != EFAULT) FAIL(#__VA_ARGS__ " %d", i)
		FAULT(SYS_clock_gettime, 0, p);
		FAULT(SYS_gettimeofday, p, NULL);
		FAULT(SYS_gettimeofday, NULL, p);
		FAULT(SYS_time, p);
		FAULT(SYS_getrandom, p, 8, 0);
		FAULT(SYS_stat, "/", p);
		FAULT(SYS_newfstatat, AT_FDCWD, "/", p, 0);
		FAULT(SYS_statx, AT_FDCWD, "/", 0, STATX_BASIC_STATS, p);
		FAULT(SYS_uname, p);
		FAULT(SYS_sysinfo, p);
		if (i != 1) {
			FAULT(SYS_openat, AT_FDCWD, p, O_RDONLY);
			FAULT(SYS_clock_nanosleep, CLOCK_REALTIME, TIMER_ABSTIME, p, NULL);
		}
	}
	if (syscall(SYS_getrandom, &bad, 8, 0x100) != -1 || errno != EINVAL) FAIL("getrandom flags");
	if (syscall(SYS_gettimeofday, NULL, NULL)) FAIL("gettimeofday");
	char *two = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(two + 4096, 4096);
	strcpy(two + 4096 - 6, "/proc");
	if (open(two + 4096 - 6, O_RDONLY) < 0) FAIL("path at a page's end");
	if (syscall(-1) != -1 || errno != ENOSYS) FAIL("call -1");
	puts("well");
}

static void ask_denied(void) {
	struct timespec ts = {1000000000, 0};
	if (clock_settime(CLOCK_REALTIME, &ts) != -1 || errno != EPERM) FAIL("clock_settime");
	if (ptrace(PTRACE_TRACEME, 0, 0, 0) != -1 || errno != EPERM) FAIL("ptrace");
	if (syscall(SYS_io_uring_setup, 1, NULL) != -1 || errno != ENOSYS) FAIL("io_uring_setup");
	puts("denied");
}

static char **next;
static void *exec_in_thread(void *arg) {
	execvp(next[0], next);
	FAIL("exec");
}
static void *forever(void *arg) {
	for (;;) pause();
}

// ask_thread runs a command from a thread that is not the first.
static void ask_thread(char **argv) {
	pthread_t t;
	next = argv;
	for (int i = 0; i < 5; i++) pthread_create(&t, NULL, forever, NULL);
	pthread_create(&t, NULL, exec_in_thread, NULL);
	pthread_exit(NULL); // the first has ended meanwhile
}

static void ask_int80(void) {
#ifdef __x86_64__
	long pid;
	__asm__ volatile("int $0x80" : "=a"(pid) : "a"(20) : "memory", "r8", "r9", "r10", "r11");
	show("int80", pid);
#endif
}

// ask_storm forks, execs and kills at random.
static void ask_storm(char *self) {
	for (int i = 0; i < 60; i++) {
		pid_t p = i % 3 ? fork() : vfork();
		if (p == 0) {
			if (i % 3 == 0) execl(self, self, "clock", NULL), _exit(1);
			pthread_t t;
			for (int k = 0; k < 3; k++) pthread_create(&t, NULL, forever, NULL);
			pid_t me = getpid();
			if (i % 3 == 1 && fork() == 0) {
				usleep(1000 * (i % 7));
				if (getppid() == me) kill(me, SIGKILL); // and not whoever takes in orphans
				_exit(0);
			}
			if (i % 5 == 0) raise(SIGSTOP);
			if (i % 7 == 0) abort();
			usleep(1000);
			_exit(0);
		}
		if (i % 4 == 0) usleep(500), kill(p, SIGKILL);
	}
	for (int i = 0; i < 20; i++) usleep(10000), kill(0, SIGCONT);
	// Again and again, for one may stop itself later.
	for (pid_t p; (p = waitpid(-1, NULL, WNOHANG)) >= 0;)
		if (p == 0) usleep(10000), kill(0, SIGCONT);
	puts("calm");
}

// ask_spin asks for the time again and again.
static void ask_spin(void) {
	struct timespec ts;
	for (int i = 0; i < 200000; i++) clock_gettime(CLOCK_REALTIME, &ts);
}

// ask_stats asks for the same file's times again and again, with registers, flags
// and red zone in use.
static void ask_stats(char *path) {
	struct stat st;
	struct statx sx;
	memset(&st, 0, sizeof st);
	for (int i = 0; i < 1000; i++) {
#ifdef __x86_64__
		long r12 = i, r9 = 9 * i, result, flags, red;
		register long r9v __asm__("r9") = r9;
		__asm__ volatile(
			"leaq -512(%%rsp), %%rsp; movq %%rbx, -8(%%rsp); movq %%rbx, -128(%%rsp); stc; syscall;"
			"movq -128(%%rsp), %2; leaq -256(%%rsp), %%rsp; pushfq; popq %1; leaq 768(%%rsp), %%rsp"
			: "=a"(result), "=&r"(flags), "=&r"(red), "+r"(r9v)
			: "0"((long)SYS_stat), "D"(path), "S"(&st), "b"(r12)
			: "rcx", "r11", "memory");
		if (result || !(flags & 1) || red != r12 || r9v != r9) FAIL("registers: %ld %lx %ld %ld", result, flags, red, r9v);
#endif
	}
	show("stat", st.st_mtime), show("stat", st.st_ctime);
	if (statx(AT_FDCWD, path, 0, STATX_BASIC_STATS, &sx)) FAIL("statx");
	show("stat", sx.stx_mtime.tv_sec), show("stat", sx.stx_ctime.tv_sec);
	if (st.st_mtim.tv_nsec != sx.stx_mtime.tv_nsec || st.st_mtim.tv_nsec > 999999999) FAIL("nanoseconds");
	if (stat("/does/not/exist", &st) != -1 || errno != ENOENT) FAIL("stat");
	if (syscall(SYS_stat, path, 8) != -1 || errno != EFAULT) FAIL("stat");
}

// ask_many asks through the C library, in a parent and its children, and in
// threads later on.
static void *many_stats(void *path) {
	struct stat st, first;
	if (stat(path, &first)) FAIL("stat");
	for (int i = 0; i < 1000; i++) {
		memset(&st, 1, sizeof st);
		if (stat(path, &st) || st.st_mtime != first.st_mtime || st.st_ctime != first.st_ctime || st.st_ino != first.st_ino) FAIL("stat");
		if (stat("/does/not/exist", &st) != -1 || errno != ENOENT) FAIL("stat");
		struct statx sx;
		if (statx(AT_FDCWD, path, 0, STATX_BASIC_STATS, &sx) || sx.stx_mtime.tv_sec != first.st_mtime) FAIL("statx");
	}
	show("stat", first.st_mtime), show("stat", first.st_ctime);
	return NULL;
}

static void ask_many(char *path) {
	many_stats(path);
	for (int i = 0; i < 2; i++) {
		pid_t p = fork();
		if (p == 0) many_stats(path), exit(0);
		int status;
		if (waitpid(p, &status, 0) != p || status) FAIL("child");
	}
	pthread_t t[3];
	for (int i = 0; i < 3; i++) pthread_create(&t[i], NULL, many_stats, path);
	for (int i = 0; i < 3; i++) pthread_join(t[i], NULL);
}

int main(int argc, char **argv) {
	setvbuf(stdout, NULL, _IOLBF, 0);
	char *what = argv[1];
	if (!strcmp(what, "clock")) ask_clock();
	else if (!strcmp(what, "vsyscall")) ask_vsyscall();
	else if (!strcmp(what, "deadlines")) ask_deadlines();
	else if (!strcmp(what, "files")) ask_files();
	else if (!strcmp(what, "random")) ask_random();
	else if (!strcmp(what, "dir")) ask_dir();
	else if (!strcmp(what, "system")) ask_system();
	else if (!strcmp(what, "faults")) ask_faults();
	else if (!strcmp(what, "denied")) ask_denied();
	else if (!strcmp(what, "thread")) ask_thread(argv + 2);
	else if (!strcmp(what, "int80")) ask_int80();
	else if (!strcmp(what, "storm")) ask_storm(argv[0]);
	else if (!strcmp(what, "spin")) ask_spin();
	else if (!strcmp(what, "stats")) ask_stats(argv[2]);
	else if (!strcmp(what, "many")) ask_many(argv[2]);
	else return 2;
	return 0;
}
