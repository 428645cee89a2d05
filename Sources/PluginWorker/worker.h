/* The parts of the worker, and what they need of each other. */
#ifndef GATEWAY_WORKER_H
#define GATEWAY_WORKER_H

#include "Confinement.h"
#include "PluginFrames.h"
#include "PluginLoader.h"

#include <stddef.h>

/* How this worker was told to run. */
struct worker_settings {
    struct gateway_confinement confinement;
    uint64_t result_bytes_max;
    const char *host_version;
};

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
