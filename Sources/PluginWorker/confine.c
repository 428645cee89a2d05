#define _GNU_SOURCE
#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Landlock by its numbers: Debian 12's header is older than the kernels that run it. */
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif
#define LANDLOCK_EXECUTE (1ull << 0)
#define LANDLOCK_READ_FILE (1ull << 2)
#define LANDLOCK_READ_FOLDER (1ull << 3)
#define LANDLOCK_ALL_OF_ABI_1 ((1ull << 13) - 1)
#define LANDLOCK_RULE_BENEATH 1
struct landlock_rules {
    uint64_t files;
    uint64_t network;
    uint64_t scoped;
};
struct landlock_rule {
    uint64_t allowed;
    int32_t folder;
} __attribute__((packed));

static int fail(char *reason, size_t size, const char *what) {
    snprintf(reason, size, "%s: %s", what, strerror(errno));
    return -1;
}

static int limit(int resource, uint64_t most) {
    struct rlimit both = {most, most};
    return setrlimit(resource, &both);
}

static int allow(int rules, const char *path, int folder) {
    struct landlock_rule rule = {LANDLOCK_EXECUTE | LANDLOCK_READ_FILE | LANDLOCK_READ_FOLDER, folder};
    if (path == NULL) {
        rule.allowed = LANDLOCK_EXECUTE | LANDLOCK_READ_FILE;
        return (int)syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_BENEATH, &rule, 0);
    }
    rule.folder = open(path, O_PATH | O_CLOEXEC);
    if (rule.folder < 0) return errno == ENOENT ? 0 : -1;
    int is_file = strstr(path, ".cache") != NULL;
    if (is_file) rule.allowed = LANDLOCK_READ_FILE;
    int status = (int)syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_BENEATH, &rule, 0);
    close(rule.folder);
    return status;
}

/* What the plugin may read: the C library, Swift's runtime, and its own file. Nothing may be written. */
static int restrict_files(const struct worker_settings *settings) {
    struct landlock_rules rules = {.files = LANDLOCK_ALL_OF_ABI_1};
    size_t size = sizeof rules.files;
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, 1);
    if (version < 1) return -1;
    /* From ABI 6 on: no signal to, and no abstract socket of, whoever is outside. */
    if (version >= 6) {
        rules.scoped = 3;
        size = sizeof rules;
    }
    int set = (int)syscall(SYS_landlock_create_ruleset, &rules, size, 0);
    if (set < 0) return -1;
    static const char *const always[] = {"/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache"};
    for (size_t index = 0; index < sizeof always / sizeof always[0]; index++) {
        if (allow(set, always[index], -1) != 0) return -1;
    }
    for (char *const *path = settings->readable; *path != NULL; path++) {
        if (allow(set, *path, -1) != 0) return -1;
    }
    if (allow(set, NULL, GATEWAY_WORKER_LIBRARY) != 0) return -1;
    if (syscall(SYS_landlock_restrict_self, set, 0) != 0) return -1;
    return close(set);
}

/* System calls that no tool needs and that reach beyond the process. They answer EPERM. */
static int filter_calls(void) {
#define REFUSE(name)                                                                                                 \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
#if defined(__x86_64__)
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
#else
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_AARCH64, 1, 0),
#endif
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        REFUSE(socket), REFUSE(connect), REFUSE(bind), REFUSE(execve), REFUSE(execveat), REFUSE(ptrace),
        REFUSE(process_vm_readv), REFUSE(process_vm_writev), REFUSE(kill), REFUSE(pidfd_open),
        REFUSE(pidfd_send_signal), REFUSE(mount), REFUSE(umount2), REFUSE(setns), REFUSE(unshare), REFUSE(bpf),
        REFUSE(perf_event_open), REFUSE(userfaultfd), REFUSE(keyctl), REFUSE(add_key), REFUSE(io_uring_setup),
#if defined(__x86_64__)
        REFUSE(fork), REFUSE(vfork),
#endif
        /* A thread may be started, a process may not. The newer call hides its flags from a filter: it answers that it
         * does not exist, and the C library uses the older one. */
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args)),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {sizeof program / sizeof program[0], program};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
}

/* The one who owns nothing. The private copy stays readable through its descriptor. */
static int become_nobody(void) {
    const unsigned nobody = 65534;
    if (geteuid() != 0) return 0;
    if (setgroups(0, NULL) != 0 || setresgid(nobody, nobody, nobody) != 0 || setresuid(nobody, nobody, nobody) != 0) {
        return -1;
    }
    /* Without this the process may not open its own /proc/self/fd, where the library is opened from. */
    return prctl(PR_SET_DUMPABLE, 1);
}

int worker_confine(const struct worker_settings *settings, char *reason, size_t reason_size) {
    if (limit(RLIMIT_CORE, 0) != 0 || limit(RLIMIT_NOFILE, 64) != 0) return fail(reason, reason_size, "limits");
    if (settings->memory_bytes > 0 && limit(RLIMIT_AS, settings->memory_bytes) != 0) {
        return fail(reason, reason_size, "the memory limit");
    }
    if (settings->isolation != GATEWAY_ISOLATION_SANDBOX) return 0;
    int spaces = CLONE_NEWNET | CLONE_NEWIPC | (geteuid() == 0 ? 0 : CLONE_NEWUSER);
    if (unshare(spaces) != 0) return fail(reason, reason_size, "no network of its own (unshare)");
    if (become_nobody() != 0) return fail(reason, reason_size, "another user (setresuid)");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return fail(reason, reason_size, "no_new_privs");
    if (restrict_files(settings) != 0) return fail(reason, reason_size, "the allow-list of files (Landlock)");
    if (filter_calls() != 0) return fail(reason, reason_size, "the filter of system calls (seccomp)");
    return 0;
}
