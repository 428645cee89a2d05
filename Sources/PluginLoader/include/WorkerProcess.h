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
};

/* How a worker exits that died because its memory limit left nothing to allocate. */
#define GATEWAY_WORKER_OUT_OF_MEMORY 77

/*
 * Starts `program` with these arguments (null-terminated, the program's name first), an empty environment, the library
 * at `library` as descriptor 4 and no others but those of PluginFrames.h. Returns 0, or an errno.
 */
int gateway_worker_spawn(const char *program, char *const *arguments, const char *library,
                         struct gateway_worker_process *process);

#endif
