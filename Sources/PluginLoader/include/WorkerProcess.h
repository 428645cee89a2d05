/* Starting a worker process; used by the host only. */
#ifndef GATEWAY_WORKER_PROCESS_H
#define GATEWAY_WORKER_PROCESS_H

#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/types.h>

struct gateway_worker_process {
    pid_t pid;
    int socket; /* the host's end, non-blocking */
    int output; /* where its standard output and error come out, non-blocking */
    int exit;   /* readable once the process has ended, though others may hold its descriptors; -1 where it cannot be had */
};

/* How a worker exits that died because its memory limit left nothing to allocate. */
#define GATEWAY_WORKER_OUT_OF_MEMORY 77

/*
 * Call it on a thread that lives as long as the host: the worker ends with the thread that started it. It leads a process
 * group of its own.
 *
 * Starts `program` with these arguments (null-terminated, the program's name first), an empty environment, the library
 * at `library` as descriptor 4 and no others but those of PluginFrames.h. Returns 0, or an errno.
 */
int gateway_worker_spawn(const char *program, char *const *arguments, const char *library,
                         struct gateway_worker_process *process);

/* When a process began, in the kernel's ticks since the machine started; 0 for one that is not there. With its number
 * this is the name of one process and of no other until the machine starts again. */
uint64_t gateway_process_began(pid_t pid);

/* A descriptor that is readable once the process has ended (and closed on exec); -1 where it cannot be had. */
int gateway_process_watch(pid_t pid);

/* Ends a process of which nothing is known but its number and when it began. Never another that has the number now.
 * Returns 1 when it was there. */
int gateway_process_end(pid_t pid, uint64_t began);

/* Processor time of all its threads, in nanoseconds; -1 for a process that is not there. */
int64_t gateway_process_used(pid_t pid);

#endif
