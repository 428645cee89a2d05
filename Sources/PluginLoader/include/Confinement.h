/* How a process that runs a plugin's code is confined, before any of it runs: a worker's, and a probe's. */
#ifndef GATEWAY_CONFINEMENT_H
#define GATEWAY_CONFINEMENT_H

#include <stddef.h>
#include <stdint.h>

/* What a process is left with. Linux confines threads, so there must be no other yet. */
struct gateway_confinement {
    uint32_t isolation;
    uint64_t memory_bytes;  /* address space; 0: no limit */
    uint32_t user;          /* who to become, of a sandbox whose host is root; 0: stay who it is */
    uint64_t threads_max;   /* of all the processes of a plugin in a sandbox */
    int32_t host;           /* the process that started this one, and with which it ends */
    int32_t library;        /* a descriptor of what may be opened besides; -1 for none */
    int32_t kept;           /* a descriptor that is never closed and never another's */
    char *const *readable;  /* folders that a sandboxed plugin may read, null-terminated */
};

/* Longest text about the confinement, its end included. */
#define GATEWAY_CONFINEMENT_TEXT_MAX 512

/* Takes away what the plugin must not have. 0, with what this system does not give in `text`, one a line; or -1, with a
 * reason. */
int gateway_confine(const struct gateway_confinement *confinement, char *text, size_t size);

/* Of the parts: files.c leaves the plugin what it must read to run. -1 where the kernel has no Landlock; else with the
 * names of the rights that it lacks in `missing`. */
int gateway_restrict_files(const struct gateway_confinement *confinement, char *missing, size_t missing_size);

/* syscalls.c: of a sandbox, the system calls that a plugin needs; of a worker, all but the one by which it would outlive
 * its host. After no_new_privs. 0, or -1. */
int gateway_allow_calls(int kept);
int gateway_keep_tied(void);

#endif
