/* More deeds of hostile.c: those that the host answers, or that need a while. */

static void wake(int signal) { (void)signal; }

/* A link of its own in the place of the host's, whoever reads the old one woken to read the new, then work without end:
 * what once outlived its host by an hour. */
static void leave_host(void) {
    struct sigaction action = {.sa_handler = wake};
    sigaction(SIGUSR1, &action, NULL);
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0) {
        dup(LINK);
        dup2(pair[0], LINK);
    }
    DIR *threads = opendir("/proc/self/task");
    for (struct dirent *entry; threads != NULL && (entry = readdir(threads)) != NULL;) {
        if (atoi(entry->d_name) > 0) syscall(SYS_tgkill, getpid(), atoi(entry->d_name), SIGUSR1);
    }
    start_thread(spin);
}

/* A change of user takes back the order to end with the host. */
static void shake_off(void) {
    (void)!setresuid(65534, 65534, 65534);
    leave_host();
}

static long start_child(void) {
    pid_t child = fork();
    while (child == 0) pause();
    return child;
}

/* Every call that a sandbox's list has, which would block here, end this, or do nothing of note. */
static const short listed[] = {
    SYS_read, SYS_readv, SYS_pread64, SYS_preadv, SYS_write, SYS_writev, SYS_lseek, SYS_fstat, SYS_newfstatat, SYS_statx,
    SYS_fstatfs, SYS_faccessat, 439 /* faccessat2 */, SYS_readlinkat, SYS_getdents64, SYS_getcwd, SYS_mmap, SYS_munmap,
    SYS_mprotect, SYS_mremap, SYS_madvise, SYS_brk, SYS_mincore, SYS_futex, 449 /* futex_waitv */, 454, 455, 456,
    SYS_set_robust_list, SYS_rseq, SYS_membarrier, SYS_sched_yield, SYS_sched_getaffinity, SYS_exit, SYS_exit_group,
    SYS_restart_syscall, SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_rt_sigtimedwait, SYS_rt_sigsuspend,
    SYS_sigaltstack, SYS_clock_gettime, SYS_clock_getres, SYS_clock_nanosleep, SYS_nanosleep, SYS_gettimeofday,
    SYS_getrandom, SYS_uname, SYS_sysinfo, SYS_getcpu, SYS_getrusage, SYS_times, SYS_getrlimit, SYS_getpid, SYS_getppid,
    SYS_gettid, SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid, SYS_sendmsg, SYS_recvmsg, SYS_sendto, SYS_recvfrom,
    SYS_epoll_create1, SYS_epoll_ctl, SYS_epoll_pwait, SYS_eventfd2, SYS_timerfd_create, SYS_timerfd_settime,
    SYS_timerfd_gettime, SYS_ppoll, SYS_pselect6, SYS_pipe2, SYS_openat, SYS_close, SYS_fcntl, SYS_ioctl,
#if defined(__x86_64__)
    SYS_stat, SYS_lstat, SYS_access, SYS_readlink, SYS_getdents, SYS_poll, SYS_select, SYS_epoll_create, SYS_epoll_wait,
    SYS_eventfd, SYS_pipe, SYS_time, SYS_pause, SYS_open,
    /* uretprobe and uprobe: later kernels let them past every filter, and they do something in the kernel's own code only. */
    335, 336,
#endif
};

/* The first number of all that is answered otherwise than by a refusal; none where the list above is the sandbox's. */
static int32_t try_every_call(uint64_t number) {
    char got[64] = "refused";
    for (long call = 0; call < 1024; call++) {
        size_t index = 0;
        while (index < sizeof listed / sizeof listed[0] && listed[index] != call) index++;
        if (index < sizeof listed / sizeof listed[0]) continue;
        long answer = syscall(call, -1l, -1l, -1l, -1l, -1l, -1l);
        if (answer < 0 && (errno == ENOSYS || errno == EPERM)) continue;
        snprintf(got, sizeof got, "call %ld: %s", call, answer < 0 ? strerrorname_np(errno) : "done");
        break;
    }
    return tell(number, got);
}

static void never_end(void) {
    for (;;) pause();
}

/* A part of a frame, and then nothing of it any more; `length` is what its head says. */
static void write_half(uint32_t length, size_t size) {
    struct frame frame = {length, 36, 0, 1, 0};
    if (write(LINK, &frame, size) < 0) pause();
}

/* Open files of its own beside frames that the host reads: what it took in it would keep. */
static long pass_files(uint64_t number) {
    int file = open("/etc/ld.so.cache", O_RDONLY);
    struct frame frame = {0, 35, number, 1, 0};
    struct iovec part = {&frame, sizeof frame};
    union {
        char bytes[CMSG_SPACE(8 * sizeof file)];
        struct cmsghdr aligned;
    } control = {0};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(8 * sizeof file);
    for (int index = 0; index < 8; index++) memcpy(CMSG_DATA(head) + (size_t)index * sizeof file, &file, sizeof file);
    long sent = 0;
    for (int index = 0; index < 200; index++) sent += sendmsg(LINK, &message, 0) == (ssize_t)sizeof frame;
    return sent;
}

static int32_t do_more(uint64_t number, gateway_bytes_t arguments) {
    if (is(arguments, "every_call")) return try_every_call(number);
    if (is(arguments, "own_limits")) {
        const struct rlimit more = {4096, 4096};
        return tell(number, setrlimit(RLIMIT_NOFILE, &more) == 0 ? "done" : strerrorname_np(errno));
    }
    if (is(arguments, "half_head")) write_half(64, 10);
    if (is(arguments, "half_body")) write_half(4096, sizeof(struct frame));
    if (is(arguments, "exit_slowly")) {
        atexit(never_end);
        exit(0);
    }
    if (is(arguments, "deep_answer")) {
        static char deep[1 << 20];
        memset(deep, '[', sizeof deep);
        completion->complete(host, number, GATEWAY_OK, (gateway_bytes_t){(const uint8_t *)deep, sizeof deep});
    }
    if (is(arguments, "answer_twice")) {
        tell(number, "first");
        for (uint64_t other = 0; other < 2000; other++) tell(number + other, "second");
    }
    if (is(arguments, "pass_files")) return tell(number, pass_files(number) > 0 ? "passed" : "nothing");
    /* The call stays open. */
    return is(arguments, "half_head") || is(arguments, "half_body") ? GATEWAY_OK : tell(number, "nothing");
}
