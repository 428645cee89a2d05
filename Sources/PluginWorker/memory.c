/*
 * Tells the host that a worker died of its memory limit, and not of the crash that this looks like.
 *
 * Most code does not ask whether `malloc` gave it something, so a leak ends as a signal at some innocent place. The
 * worker's own `malloc` stands in front of the C library's, for every library in the process, and remembers in each
 * thread that it gave nothing; a fatal signal after that, in the same call, is the limit's doing.
 */
#define _GNU_SOURCE
#include "WorkerProcess.h"
#include "worker.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);

static __thread int was_refused;

static void *given(void *block, size_t size) {
    if (block == NULL && size > 0) was_refused = 1;
    return block;
}

__attribute__((visibility("default"))) void *malloc(size_t size) { return given(__libc_malloc(size), size); }

__attribute__((visibility("default"))) void *calloc(size_t count, size_t size) {
    return given(__libc_calloc(count, size), count > 0 ? size : 0);
}

__attribute__((visibility("default"))) void *realloc(void *block, size_t size) {
    return given(__libc_realloc(block, size), size);
}

void memory_begin_call(void) { was_refused = 0; }

/* Runs once: what is not the limit's doing happens again, or goes on, without this. */
static void on_fatal(int signal) {
    (void)signal;
    if (was_refused) _exit(GATEWAY_WORKER_OUT_OF_MEMORY);
}

void memory_watch(void) {
    static const int fatal[] = {SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE, SIGABRT};
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_fatal;
    action.sa_flags = SA_RESETHAND | SA_ONSTACK;
    for (size_t index = 0; index < sizeof fatal / sizeof fatal[0]; index++) sigaction(fatal[index], &action, NULL);
}
