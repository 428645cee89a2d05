/* The parts of the worker, and what they need of each other. */
#ifndef GATEWAY_WORKER_H
#define GATEWAY_WORKER_H

#include "PluginFrames.h"
#include "PluginLoader.h"

#include <stddef.h>

/* How this worker was told to run. */
struct worker_settings {
    uint32_t isolation;
    uint64_t memory_bytes;      /* address space; 0: no limit */
    uint64_t result_bytes_max;
    uint32_t user;              /* who to become, of a sandbox whose host is root; 0: stay who it is */
    uint64_t threads_max;       /* of all the processes of a plugin in a sandbox */
    int32_t host;               /* the process that started this one */
    const char *host_version;
    char *const *readable;      /* folders that a sandboxed plugin may read, null-terminated */
};

/* Longest text about the confinement, its end included. */
#define GATEWAY_WORKER_TEXT_MAX 512

/* confine.c: takes away what the plugin must not have, before any code of it runs. 0, with what this system does not
 * give in `text`, one a line; or -1, with a reason. */
int worker_confine(const struct worker_settings *settings, char *text, size_t size);

/* files.c: leaves the plugin what it must read to run. -1 where the kernel has no Landlock; else with the names of the
 * rights that it lacks in `missing`. */
int worker_restrict_files(const struct worker_settings *settings, char *missing, size_t missing_size);

/* syscalls.c: of a sandbox, the system calls that a plugin needs; of a worker, all but the one by which it would outlive
 * its host. After no_new_privs. 0, or -1. */
int worker_allow_calls(void);
int worker_keep_tied(void);

/* memory.c: after memory_watch() a death for want of memory is the exit status GATEWAY_WORKER_OUT_OF_MEMORY. */
void memory_watch(void);
void memory_begin_call(void);

/* frames.c: whole frames over the socket. */
void frame_write(uint32_t kind, uint64_t number, uint32_t index, int32_t status, gateway_bytes_t first,
                 gateway_bytes_t second);
/* Whether so much may be said now that the host has not asked for; counts it. */
int frame_may_say(uint64_t bytes);
/* Waits for the next frame; its bytes go into *buffer, which grows. 0 when the host has gone. One thread at a time. */
int frame_read(gateway_frame_t *frame, uint8_t **buffer, size_t *capacity);

/* services.c: the host services that a plugin finds in a worker. */
const void *services_find(void *host, gateway_bytes_t id);
void services_limit(uint64_t payload_bytes_max);
/* Calls that are under way, by their numbers. */
int calls_begin(uint64_t number);
int calls_knows(uint64_t number);
void calls_cancel(uint64_t number);
/* GATEWAY_OK for the first end of a call, else a status of the protocol. */
int32_t calls_end(uint64_t number);
/* The host's answer to what the plugin asked of it. */
void calls_answer(uint32_t id, int32_t status, gateway_bytes_t answer);
void services_on_plugin_thread(void);

#endif
