#define _GNU_SOURCE
#include "Confinement.h"
#include "gateway/plugin.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The one who owns nothing: where a plugin cannot have a user of its own. */
#define NOBODY 65534

static int fail(char *text, size_t size, const char *what) {
    snprintf(text, size, "%s: %s", what, strerror(errno));
    return -1;
}

/* A part that this system does not give, though the sandbox holds without it. */
static void lacks(char *missing, size_t size, const char *what) {
    size_t length = strlen(missing);
    snprintf(missing + length, size - length, "%s%s", length > 0 ? "\n" : "", what);
}

/* At most so much. Where this process may have less already, that stays: only root can ask for more. */
static int limit(int resource, uint64_t most) {
    struct rlimit now;
    if (getrlimit(resource, &now) != 0) return -1;
    if (now.rlim_max < most) most = now.rlim_max;
    struct rlimit both = {most, most};
    return setrlimit(resource, &both);
}

/* Ends this process with the one that started it. A change of user takes the order back, so it is given again then. */
static int end_with_host(const struct gateway_confinement *settings) {
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return -1;
    /* It went before the order was given. */
    if (getppid() != settings->host) _exit(0);
    return 0;
}

static int become(unsigned user) {
    return setgroups(0, NULL) != 0 || setresgid(user, user, user) != 0 || setresuid(user, user, user) != 0 ? -1 : 0;
}

/* From root to a user of the plugin's own; an ordinary user stays who it is. 1 for a user that others may be too. */
static int change_user(const struct gateway_confinement *settings, char *missing, size_t missing_size) {
    if (settings->user == 0) {
        lacks(missing, missing_size, "a user of its own");
        return 0;
    }
    if (become(settings->user) == 0) return 0;
    /* In a container not every number is a user. */
    if (errno != EINVAL || become(NOBODY) != 0) return -1;
    lacks(missing, missing_size, "a user of its own");
    return 1;
}

/* A network and an interprocess space with nothing in them; where the host is an ordinary user, by way of a space of
 * users. Whether threads can be counted apart from the host's. */
static int move_out(const struct gateway_confinement *settings, char *missing, size_t missing_size) {
    int spaces = CLONE_NEWNET | CLONE_NEWIPC | (settings->user != 0 ? 0 : CLONE_NEWUSER);
    if (unshare(spaces) == 0) return 1;
    lacks(missing, missing_size, "a network namespace of its own");
    return settings->user != 0;
}

/* A space of users gives its first process every right in it, none of which is needed. */
static int drop_rights(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {{0}};
    if (syscall(SYS_capset, &header, none) != 0) return -1;
    /* Without this the process may not open its own /proc/self/fd, where the library is opened from. */
    return prctl(PR_SET_DUMPABLE, 1);
}

static int enter_sandbox(const struct gateway_confinement *settings, char *text, size_t size) {
    char missing[GATEWAY_CONFINEMENT_TEXT_MAX] = "";
    int counts_threads = move_out(settings, missing, sizeof missing);
    int is_shared = change_user(settings, missing, sizeof missing);
    if (is_shared < 0) return fail(text, size, "another user (setresuid)");
    counts_threads = counts_threads && !is_shared;
    if (drop_rights() != 0) return fail(text, size, "no capabilities (capset)");
    if (limit(RLIMIT_FSIZE, 0) != 0 || limit(RLIMIT_MEMLOCK, 0) != 0 || limit(RLIMIT_MSGQUEUE, 0) != 0) {
        return fail(text, size, "limits");
    }
    if (!counts_threads) lacks(missing, sizeof missing, "a limit on threads");
    if (counts_threads && limit(RLIMIT_NPROC, settings->threads_max) != 0) return fail(text, size, "a limit on threads");
    if (end_with_host(settings) != 0) return fail(text, size, "an end with its host (prctl)");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return fail(text, size, "no_new_privs");
    char rights[GATEWAY_CONFINEMENT_TEXT_MAX] = "";
    if (gateway_restrict_files(settings, rights, sizeof rights) != 0) {
        return fail(text, size, "the allow-list of files (Landlock)");
    }
    if (rights[0] != 0) lacks(missing, sizeof missing, rights);
    if (gateway_allow_calls(settings->kept) != 0) return fail(text, size, "the allow-list of system calls (seccomp)");
    snprintf(text, size, "%s", missing);
    return 0;
}

int gateway_confine(const struct gateway_confinement *settings, char *text, size_t size) {
    if (end_with_host(settings) != 0) return fail(text, size, "an end with its host (prctl)");
    if (limit(RLIMIT_CORE, 0) != 0 || limit(RLIMIT_NOFILE, 64) != 0) return fail(text, size, "limits");
    if (settings->memory_bytes > 0 && limit(RLIMIT_AS, settings->memory_bytes) != 0) {
        return fail(text, size, "the memory limit");
    }
    if (settings->isolation == GATEWAY_ISOLATION_SANDBOX) return enter_sandbox(settings, text, size);
    /* All else is allowed to it, but not to outlive its host. */
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return fail(text, size, "no_new_privs");
    return gateway_keep_tied() != 0 ? fail(text, size, "an end with its host (seccomp)") : 0;
}
