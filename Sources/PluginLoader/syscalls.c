/*
 * Which system calls a plugin's process may make. In a sandbox: those on a list, some of them with certain arguments
 * only; whatever is not on it, and whatever a later kernel adds, answers that it does not exist (ENOSYS), which the C
 * library and language runtimes know how to do without. A refused argument answers EPERM. A call by another machine's
 * numbers ends the process.
 *
 * It must hold by itself: where the host is an ordinary user, the worker is the same user, and nothing else stands
 * between it and the host's process and files.
 */
#define _GNU_SOURCE
#include "Confinement.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Calls younger than the headers; numbers are one for all machines since 5.0. */
#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif
#define SYS_futex_wake_2 454
#define SYS_futex_wait_2 455
#define SYS_futex_requeue_2 456
#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif
#if defined(__x86_64__)
#define OWN_MACHINE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OWN_MACHINE AUDIT_ARCH_AARCH64
#else
#error "the numbers of this machine's system calls are not known here"
#endif
/* On x86-64, from here on the numbers are those of its 32-bit mode (x32), which reach the same calls by other ways. */
#define X32_NUMBERS 0x40000000u

/* Harmless whatever the arguments: its own memory, threads, clocks, descriptors; reading what Landlock lets it open. */
static const unsigned short harmless[] = {
    SYS_read, SYS_readv, SYS_pread64, SYS_preadv, SYS_write, SYS_writev, SYS_lseek,
    SYS_fstat, SYS_newfstatat, SYS_statx, SYS_fstatfs, SYS_faccessat, SYS_faccessat2, SYS_readlinkat, SYS_getdents64,
    SYS_getcwd,
    SYS_mmap, SYS_munmap, SYS_mprotect, SYS_mremap, SYS_madvise, SYS_brk, SYS_mincore,
    SYS_futex, SYS_futex_waitv, SYS_futex_wake_2, SYS_futex_wait_2, SYS_futex_requeue_2, SYS_set_robust_list, SYS_rseq,
    SYS_membarrier, SYS_sched_yield, SYS_sched_getaffinity, SYS_exit, SYS_exit_group, SYS_restart_syscall,
    SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_rt_sigtimedwait, SYS_rt_sigsuspend, SYS_sigaltstack,
    SYS_clock_gettime, SYS_clock_getres, SYS_clock_nanosleep, SYS_nanosleep, SYS_gettimeofday,
    SYS_getrandom, SYS_uname, SYS_sysinfo, SYS_getcpu, SYS_getrusage, SYS_times, SYS_getrlimit,
    SYS_getpid, SYS_getppid, SYS_gettid, SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid,
    /* The link to the host is the only socket that there is: none can be made. */
    SYS_sendmsg, SYS_recvmsg, SYS_sendto, SYS_recvfrom,
    SYS_epoll_create1, SYS_epoll_ctl, SYS_epoll_pwait, SYS_eventfd2, SYS_timerfd_create, SYS_timerfd_settime,
    SYS_timerfd_gettime, SYS_ppoll, SYS_pselect6, SYS_pipe2,
#if defined(__x86_64__)
    SYS_stat, SYS_lstat, SYS_access, SYS_readlink, SYS_getdents, SYS_poll, SYS_select, SYS_epoll_create, SYS_epoll_wait,
    SYS_eventfd, SYS_pipe, SYS_time, SYS_pause,
#endif
};

struct filter {
    struct sock_filter code[320];
    unsigned short length;
    unsigned short begin; /* of the call whose arguments are being looked at */
};

static void add(struct filter *filter, uint16_t code, uint32_t value, size_t if_so, size_t if_not) {
    if (filter->length >= sizeof filter->code / sizeof filter->code[0]) _exit(5);
    filter->code[filter->length++] = (struct sock_filter){code, (uint8_t)if_so, (uint8_t)if_not, value};
}

static void answer(struct filter *filter, uint32_t verdict) { add(filter, BPF_RET | BPF_K, verdict, 0, 0); }

static void load(struct filter *filter, size_t place) { add(filter, BPF_LD | BPF_W | BPF_ABS, (uint32_t)place, 0, 0); }

/* The lower half of an argument: as much as the kernel looks at where it takes an int. */
static void load_argument(struct filter *filter, size_t index) {
    load(filter, offsetof(struct seccomp_data, args) + index * sizeof(uint64_t));
}

/* What follows, up to its `end`, is for this call alone. */
static void begin(struct filter *filter, uint32_t call) {
    filter->begin = filter->length;
    add(filter, BPF_JMP | BPF_JEQ | BPF_K, call, 0, 0);
}

static void end(struct filter *filter) {
    answer(filter, SECCOMP_RET_ALLOW);
    filter->code[filter->begin].jf = (uint8_t)(filter->length - filter->begin - 1);
}

static void refuse_otherwise(struct filter *filter) { answer(filter, SECCOMP_RET_ERRNO | EPERM); }

/* The argument is one of these. */
static void is_one_of(struct filter *filter, size_t index, const uint32_t *values, size_t count) {
    load_argument(filter, index);
    for (size_t value = 0; value < count; value++) {
        add(filter, BPF_JMP | BPF_JEQ | BPF_K, values[value], count - value, 0);
    }
    refuse_otherwise(filter);
}

/* The argument has none of these bits. */
static void is_without(struct filter *filter, size_t index, uint32_t bits) {
    load_argument(filter, index);
    add(filter, BPF_JMP | BPF_JSET | BPF_K, bits, 0, 1);
    refuse_otherwise(filter);
}

/* The argument has all of these bits. */
static void is_with(struct filter *filter, size_t index, uint32_t bits) {
    load_argument(filter, index);
    add(filter, BPF_ALU | BPF_AND | BPF_K, bits, 0, 0);
    add(filter, BPF_JMP | BPF_JEQ | BPF_K, bits, 1, 0);
    refuse_otherwise(filter);
}

/* The argument, a pointer, is null. */
static void is_null(struct filter *filter, size_t index) {
    const uint32_t zero = 0;
    is_one_of(filter, index, &zero, 1);
    load(filter, offsetof(struct seccomp_data, args) + index * sizeof(uint64_t) + sizeof(uint32_t));
    add(filter, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0);
    refuse_otherwise(filter);
}

/* Files are opened for reading only. (__O_TMPFILE without its O_DIRECTORY, which is harmless.) */
static void add_files(struct filter *filter, int kept) {
    const uint32_t writing = O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND | (O_TMPFILE & ~O_DIRECTORY);
    begin(filter, SYS_openat);
    is_without(filter, 2, writing);
    end(filter);
#if defined(__x86_64__)
    begin(filter, SYS_open);
    is_without(filter, 1, writing);
    end(filter);
#endif
    /* The link stays where it is: with another socket in its place the process would not see its host go. */
    begin(filter, SYS_close);
    load_argument(filter, 0);
    add(filter, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)kept, 0, 1);
    refuse_otherwise(filter);
    end(filter);
    static const uint32_t fcntls[] = {F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC};
    begin(filter, SYS_fcntl);
    is_one_of(filter, 1, fcntls, sizeof fcntls / sizeof fcntls[0]);
    end(filter);
    static const uint32_t ioctls[] = {TCGETS, FIOCLEX, FIONREAD};
    begin(filter, SYS_ioctl);
    is_one_of(filter, 1, ioctls, sizeof ioctls / sizeof ioctls[0]);
    end(filter);
}

/* A thread may be started, a process may not; signals and limits reach nobody else. */
static void add_processes(struct filter *filter) {
    const uint32_t own = (uint32_t)getpid();
    const uint32_t thread = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD;
    const uint32_t usual = thread | CLONE_FS | CLONE_FILES | CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID |
                           CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID | CLONE_DETACHED;
    begin(filter, SYS_clone);
    is_with(filter, 0, thread);
    is_without(filter, 0, ~usual);
    end(filter);
    begin(filter, SYS_kill);
    is_one_of(filter, 0, &own, 1);
    end(filter);
    begin(filter, SYS_tgkill);
    is_one_of(filter, 0, &own, 1);
    end(filter);
    const uint32_t self[] = {0, own};
    begin(filter, SYS_prlimit64);
    is_one_of(filter, 0, self, 2);
    is_null(filter, 2);
    end(filter);
    static const uint32_t prctls[] = {PR_SET_NAME, PR_GET_NAME, PR_SET_VMA};
    begin(filter, SYS_prctl);
    is_one_of(filter, 0, prctls, sizeof prctls / sizeof prctls[0]);
    end(filter);
}

static void start(struct filter *filter) {
    filter->length = 0;
    load(filter, offsetof(struct seccomp_data, arch));
    add(filter, BPF_JMP | BPF_JEQ | BPF_K, OWN_MACHINE, 1, 0);
    answer(filter, SECCOMP_RET_KILL_PROCESS);
    load(filter, offsetof(struct seccomp_data, nr));
#if defined(__x86_64__)
    add(filter, BPF_JMP | BPF_JGE | BPF_K, X32_NUMBERS, 0, 1);
    answer(filter, SECCOMP_RET_ERRNO | ENOSYS);
#endif
}

static int apply(struct filter *filter) {
    struct sock_fprog program = {filter->length, filter->code};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

int gateway_allow_calls(int kept) {
    struct filter filter;
    start(&filter);
    for (size_t index = 0; index < sizeof harmless / sizeof harmless[0]; index++) {
        add(&filter, BPF_JMP | BPF_JEQ | BPF_K, harmless[index], 0, 1);
        answer(&filter, SECCOMP_RET_ALLOW);
    }
    add_files(&filter, kept);
    add_processes(&filter);
    answer(&filter, SECCOMP_RET_ERRNO | ENOSYS);
    return apply(&filter);
}

int gateway_keep_tied(void) {
    struct filter filter;
    start(&filter);
    begin(&filter, SYS_prctl);
    load_argument(&filter, 0);
    add(&filter, BPF_JMP | BPF_JEQ | BPF_K, PR_SET_PDEATHSIG, 0, 1);
    refuse_otherwise(&filter);
    end(&filter);
    answer(&filter, SECCOMP_RET_ALLOW);
    return apply(&filter);
}
