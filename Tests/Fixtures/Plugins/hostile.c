/*
 * A plugin that tries what it must not be able to do, one deed for each call, and tells what came of it: the call's
 * arguments are {"do":"DEED","path":"…","process":N}. Its answer is {"got":"…"}: "done", or the error's name.
 */
#include "PluginAPI.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
#include <utime.h>

#define LINK 3

__attribute__((section(GATEWAY_MANIFEST_SECTION), used, retain)) static const gateway_manifest_t manifest = {
    .magic = GATEWAY_MANIFEST_MAGIC,
    .revision = 1,
    .level_min = GATEWAY_LEVEL,
    .level_max = GATEWAY_LEVEL,
    .id = "hostile",
    .version = "1.0.0",
    .runtime = "c",
    .sdk = "",
};

#define OBJECT "{\"type\":\"object\",\"properties\":{},\"additionalProperties\":false}"
static const char catalogue[] =
    "{\"plugin\":{\"id\":\"hostile\",\"version\":\"1.0.0\",\"title\":\"Hostile\"},\"tools\":[{\"name\":\"hostile_do\","
    "\"kind\":\"function\",\"title\":\"Do\",\"description\":\"Does it.\",\"input_schema\":{\"type\":\"object\","
    "\"properties\":{\"do\":{\"type\":\"string\"},\"path\":{\"type\":\"string\"},\"process\":{\"type\":\"integer\"}},"
    "\"additionalProperties\":false},\"output_schema\":{\"type\":\"object\",\"properties\":{\"got\":{\"type\":"
    "\"string\"}},\"additionalProperties\":false},\"annotations\":{\"read_only\":true,\"destructive\":false,"
    "\"idempotent\":false,\"open_world\":false,\"money_moving\":false}}],\"operations\":[],\"needs\":{}}";

static void *host;
static const gateway_complete_t *completion;
static const gateway_log_t *logging;

static gateway_bytes_t text(const char *text) {
    gateway_bytes_t bytes = {(const uint8_t *)text, strlen(text)};
    return bytes;
}

/* ---- Deeds that the kernel answers: 0 or more for "done", -1 for errno. */

static const char *path;
static pid_t process;

static long do_chmod(void) { return chmod(path, 0777); }
static long do_fchmodat(void) { return fchmodat(AT_FDCWD, path, 0777, 0); }
static long do_fchmodat2(void) { return syscall(452, AT_FDCWD, path, 0777, 0); }
static long do_chown(void) { return chown(path, getuid(), (gid_t)-1); }
static long do_utime(void) { return utime(path, NULL); }
static long do_utimensat(void) { return utimensat(AT_FDCWD, path, NULL, 0); }
static long do_truncate(void) { return truncate(path, 0); }
static long do_unlink(void) { return unlink(path); }
static long do_rename(void) { return rename(path, "/tmp/hostile-was-here"); }
static long do_link(void) { return link(path, "/tmp/hostile-was-here"); }
static long do_setxattr(void) { return syscall(SYS_setxattr, path, "user.a", "b", 1, 0); }
static long do_read_file(void) { return open(path, O_RDONLY); }
static long do_open_write(void) { return open(path, O_WRONLY); }
static long do_open_truncate(void) { return open(path, O_RDONLY | O_TRUNC); }
static long do_open_create(void) { return open("/tmp/hostile-was-here", O_RDONLY | O_CREAT, 0600); }
static long do_open_nameless(void) { return open("/tmp", O_RDWR | O_TMPFILE, 0600); }
static long do_open_by_ioctl_only(void) { return open(path, O_ACCMODE); }
static long do_openat2(void) {
    uint64_t how[3] = {O_WRONLY, 0, 0};
    return syscall(437, AT_FDCWD, path, how, sizeof how);
}
static long do_creat(void) { return creat("/tmp/hostile-was-here", 0600); }
static long do_watch(void) { return syscall(SYS_inotify_init1, 0); }
static long do_lock(void) {
    int file = open("/etc/ld.so.cache", O_RDONLY);
    return file < 0 ? -1 : syscall(SYS_flock, file, 1 /* LOCK_SH */);
}

static long do_limit(void) {
    struct rlimit files = {1u << 30, 1u << 30};
    return prlimit(process, RLIMIT_DATA, &files, NULL);
}
static struct rlimit limits;
static long do_limit_read(void) { return prlimit(process, RLIMIT_NOFILE, NULL, &limits); }
static long do_signal(void) { return kill(process, 0); }
static long do_signal_all(void) { return kill(-1, 0); }
static long do_signal_thread(void) { return syscall(SYS_tgkill, process, process, 0); }
static long do_tkill(void) { return syscall(SYS_tkill, process, 0); }
static long do_signal_queue(void) {
    siginfo_t info = {.si_signo = 0, .si_code = SI_QUEUE};
    return syscall(SYS_rt_sigqueueinfo, process, 0, &info);
}
static long do_signal_by_owner(void) { return fcntl(LINK, F_SETOWN, process); }
static long do_pidfd(void) { return syscall(434, process, 0); }
static long do_ptrace(void) { return syscall(SYS_ptrace, 16 /* PTRACE_ATTACH */, process, 0, 0); }
static long do_read_memory(void) {
    char byte;
    struct iovec here = {&byte, 1}, there = {(void *)catalogue, 1};
    return process_vm_readv(process, &here, 1, &there, 1, 0);
}
static long do_memory_file(void) {
    char name[64];
    snprintf(name, sizeof name, "/proc/%d/mem", (int)process);
    return open(name, O_RDONLY);
}
static long do_schedule(void) {
    struct sched_param param = {0};
    return sched_setscheduler(process, SCHED_BATCH, &param);
}
static long do_affinity(void) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(0, &set);
    return sched_setaffinity(process, sizeof set, &set);
}
static long do_nice(void) { return setpriority(PRIO_PROCESS, (id_t)process, 19); }
static long do_ioprio(void) { return syscall(SYS_ioprio_set, 1, process, 3 << 13); }

static long do_socket(void) { return socket(AF_INET, SOCK_STREAM, 0); }
static long do_unix_socket(void) { return socket(AF_UNIX, SOCK_STREAM, 0); }
static long do_socketpair(void) {
    int pair[2];
    return socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
}
static long do_replace_link(void) {
    int pipes[2];
    return pipe(pipes) < 0 ? -1 : dup2(pipes[0], LINK);
}
static long do_close_link(void) {
    int end = close(LINK);
    return end == 0 ? open("/etc/ld.so.cache", O_RDONLY) : end;
}
static long do_close_all(void) { return syscall(436, 3, ~0u, 0); }

static long do_fork(void) {
    pid_t child = fork();
    if (child == 0) _exit(0);
    return child;
}
static long do_vfork(void) { return syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL) == 0 ? (_exit(0), 0) : -1; }
static long do_clone_into_namespaces(void) {
    return syscall(SYS_clone, CLONE_VM | CLONE_SIGHAND | CLONE_THREAD | CLONE_NEWNET, NULL, NULL, NULL, NULL);
}
static long do_execute(void) {
    char *arguments[] = {"/bin/true", NULL};
    return access("/bin/true", X_OK) == 0 ? execv("/bin/true", arguments) : -1;
}
static long do_shm_open(void) { return shm_open("/hostile-was-here", O_RDWR | O_CREAT, 0600); }
static long do_shmget(void) { return shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600); }
static long do_memfd(void) { return memfd_create("hostile", 0); }
static long do_mount(void) { return mount("none", "/tmp", "tmpfs", 0, NULL); }
static long do_unshare(void) { return unshare(CLONE_NEWUSER); }
static char zero[256];
static long do_io_uring(void) { return syscall(425, 4, zero); }
static long do_userfaultfd(void) { return syscall(SYS_userfaultfd, 1); }
static long do_bpf(void) { return syscall(SYS_bpf, 0, NULL, 0); }
static long do_keyctl(void) { return syscall(SYS_keyctl, 0, -3, 1); }
static long do_perf(void) { return syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0); }
static long do_outlive(void) { return prctl(PR_SET_PDEATHSIG, 0); }
static long do_unfilter(void) { return prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0); }
static long do_type_for_others(void) { return syscall(SYS_ioctl, 1, 0x5412 /* TIOCSTI */, "x"); }
static long do_unknown(void) { return syscall(999); }

static const struct {
    const char *name;
    long (*deed)(void);
} deeds[] = {
#define DEED(name) {#name, do_##name}
    DEED(chmod), DEED(fchmodat), DEED(fchmodat2), DEED(chown), DEED(utime), DEED(utimensat), DEED(truncate),
    DEED(unlink), DEED(rename), DEED(link), DEED(setxattr), DEED(read_file), DEED(open_write), DEED(open_truncate),
    DEED(open_create), DEED(open_nameless), DEED(open_by_ioctl_only), DEED(openat2), DEED(creat), DEED(watch),
    DEED(lock), DEED(limit), DEED(limit_read), DEED(signal), DEED(signal_all), DEED(signal_thread), DEED(tkill),
    DEED(signal_queue), DEED(signal_by_owner), DEED(pidfd), DEED(ptrace), DEED(read_memory), DEED(memory_file),
    DEED(schedule), DEED(affinity), DEED(nice), DEED(ioprio), DEED(socket), DEED(unix_socket), DEED(socketpair),
    DEED(replace_link), DEED(close_link), DEED(close_all), DEED(fork), DEED(vfork), DEED(clone_into_namespaces),
    DEED(execute), DEED(shm_open), DEED(shmget), DEED(memfd), DEED(mount), DEED(unshare), DEED(io_uring),
    DEED(userfaultfd), DEED(bpf), DEED(keyctl), DEED(perf), DEED(outlive), DEED(unfilter), DEED(type_for_others),
    DEED(unknown),
};

/* ---- Deeds that the host answers, or nobody. */

struct frame {
    uint32_t length, kind;
    uint64_t number;
    uint32_t index;
    int32_t status;
};

static volatile int never_set;

static void *spin(void *unused) {
    (void)unused;
    while (!never_set) {
    }
    return NULL;
}

static void start_thread(void *(*work)(void *)) {
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 64 << 10);
    if (pthread_create(&thread, &attributes, work, NULL) == 0) pthread_detach(thread);
}

static void *rest(void *unused) {
    pause();
    return unused;
}

static long count_threads(void) {
    long started = 0;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 16 << 10);
    for (pthread_t thread; started < 2000 && pthread_create(&thread, &attributes, rest, NULL) == 0; started++) {
    }
    return started;
}

/* Frames as the worker itself would write them, of any kind and length, for as long as the host takes them. */
static void flood(uint32_t kind, uint32_t length, size_t times) {
    static uint8_t block[1 << 20];
    for (size_t index = 0; index < times; index++) {
        struct frame frame = {length, kind, 0, 0, 0};
        struct iovec parts[] = {{&frame, sizeof frame}, {block, length < sizeof block ? length : sizeof block}};
        if (writev(LINK, parts, 2) < 0) pause();
    }
    pause();
}

static const struct {
    const char *name;
    uint32_t kind, length;
} floods[] = {
    {"flood_reply", 33, 8},        {"flood_huge", 34, 5 << 20},  {"flood_log", 36, 4096},
    {"flood_complete", 34, 0},     {"flood_unknown", 77, 0},     {"flood_log_long", 36, 9000},
    {"flood_progress", 35, 0},     {"flood_call", 37, 4},        {"flood_started", 32, 0},
};

static int is(gateway_bytes_t bytes, const char *name) {
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"do\":\"%s\"", name);
    return memmem(bytes.data, bytes.length, quoted, strlen(quoted)) != NULL;
}

static void read_arguments(gateway_bytes_t arguments) {
    static char copy[1024];
    size_t length = arguments.length < sizeof copy - 1 ? arguments.length : sizeof copy - 1;
    memcpy(copy, arguments.data, length);
    copy[length] = 0;
    char *number = strstr(copy, "\"process\":");
    process = number == NULL ? getppid() : atoi(number + strlen("\"process\":"));
    char *begin = strstr(copy, "\"path\":\"");
    path = begin == NULL ? "/etc/passwd" : begin + strlen("\"path\":\"");
    char *end = begin == NULL ? NULL : strchr(path, '"');
    if (end != NULL) *end = 0;
}

static int32_t tell(uint64_t number, const char *got) {
    char answer[128];
    snprintf(answer, sizeof answer, "{\"got\":\"%s\"}", got);
    completion->complete(host, number, GATEWAY_OK, text(answer));
    return GATEWAY_OK;
}

#include "hostile_more.h"

static int32_t invoke(void *plugin, uint64_t number, uint32_t tool, gateway_bytes_t arguments, gateway_bytes_t meta) {
    (void)plugin, (void)tool, (void)meta;
    read_arguments(arguments);
    for (size_t index = 0; index < sizeof deeds / sizeof deeds[0]; index++) {
        if (is(arguments, deeds[index].name)) {
            return tell(number, deeds[index].deed() >= 0 ? "done" : strerrorname_np(errno));
        }
    }
    for (size_t index = 0; index < sizeof floods / sizeof floods[0]; index++) {
        if (is(arguments, floods[index].name)) flood(floods[index].kind, floods[index].length, 1u << 30);
    }
    if (is(arguments, "spin_on")) {
        for (int index = 0; index < 2; index++) start_thread(spin);
        return tell(number, "done");
    }
    if (is(arguments, "leave_host")) {
        tell(number, "done");
        leave_host();
        return GATEWAY_OK;
    }
    if (is(arguments, "log_on")) {
        int32_t status = GATEWAY_OK;
        for (int index = 0; index < 200000 && status == GATEWAY_OK; index++) {
            status = logging->log(host, number, GATEWAY_LOG_INFO, text("again"), text(""));
        }
        return tell(number, status == GATEWAY_RATE_LIMITED ? "limited" : "done");
    }
    if (is(arguments, "shake_off")) {
        tell(number, "done");
        shake_off();
        return GATEWAY_OK;
    }
    char got[64];
    if (is(arguments, "child")) {
        snprintf(got, sizeof got, "%ld", start_child());
        return tell(number, got);
    }
    if (is(arguments, "threads")) {
        snprintf(got, sizeof got, "%ld", count_threads());
        return tell(number, got);
    }
    if (is(arguments, "who")) {
        snprintf(got, sizeof got, "%u %d", getuid(), (int)getpid());
        return tell(number, got);
    }
#if defined(__x86_64__)
    if (is(arguments, "x32")) {
        return tell(number, syscall(0x40000000 | SYS_getpid) >= 0 ? "done" : strerrorname_np(errno));
    }
    if (is(arguments, "foreign")) {
        long answer;
        __asm__ volatile("int $0x80" : "=a"(answer) : "a"(20) : "memory");
        return tell(number, answer >= 0 ? "done" : "refused");
    }
#endif
    return do_more(number, arguments);
}

static int32_t describe(void *plugin, gateway_sink_t sink) {
    (void)plugin;
    return sink.write(sink.context, text(catalogue));
}

static int32_t configure(void *plugin, gateway_bytes_t settings, gateway_sink_t reason) {
    (void)plugin, (void)settings, (void)reason;
    return GATEWAY_OK;
}

static const gateway_lifecycle_t lifecycle_table = {describe, configure};
static const gateway_invoke_t invoke_table = {invoke};

static const void *find(void *plugin, gateway_bytes_t id) {
    (void)plugin;
    if (memmem(id.data, id.length, GATEWAY_LIFECYCLE, strlen(GATEWAY_LIFECYCLE)) != NULL) return &lifecycle_table;
    if (memmem(id.data, id.length, GATEWAY_INVOKE, strlen(GATEWAY_INVOKE)) != NULL) return &invoke_table;
    return NULL;
}

GATEWAY_EXPORT int32_t gateway_plugin_v1(gateway_negotiation_t *negotiation) {
    host = negotiation->host;
    completion = negotiation->host_interface(host, text(GATEWAY_COMPLETE));
    logging = negotiation->host_interface(host, text(GATEWAY_LOG));
    negotiation->level = GATEWAY_LEVEL;
    negotiation->plugin_interface = find;
    return GATEWAY_OK;
}
