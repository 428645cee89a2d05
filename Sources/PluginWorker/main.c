/*
 * mpesa-gateway-worker: one plugin in a process of its own. It confines itself, opens the library that the host has
 * verified and handed over as a descriptor, and serves frames (PluginFrames.h) until the host closes the socket.
 *
 *     mpesa-gateway-worker ISOLATION MEMORY_BYTES RESULT_BYTES_MAX USER THREADS_MAX HOST HOST_VERSION [READABLE_FOLDER]...
 *
 * Started by the host only: with an empty environment and no other descriptor than 0 to 4.
 */
#define _GNU_SOURCE
#include "worker.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define THREADS 4
#define GUARD_BYTES (1 << 20)
#define STACK_BYTES (512 << 10)

static struct gateway_tables tables;
static uint64_t result_bytes_max;
/* Who holds it reads the next frame; the others work, or wait for their turn to read. */
static pthread_mutex_t reading = PTHREAD_MUTEX_INITIALIZER;

struct output {
    uint8_t *bytes;
    size_t length, capacity;
    int is_too_large;
};

static int32_t collect(void *context, gateway_bytes_t bytes) {
    struct output *output = context;
    if (bytes.length > result_bytes_max - output->length) {
        output->is_too_large = 1;
        return GATEWAY_TOO_LARGE;
    }
    if (output->length + bytes.length > output->capacity) {
        size_t wanted = (output->length + bytes.length) * 2 + 1024;
        uint8_t *grown = realloc(output->bytes, wanted);
        if (grown == NULL) {
            output->is_too_large = 1;
            return GATEWAY_TOO_LARGE;
        }
        output->bytes = grown;
        output->capacity = wanted;
    }
    if (bytes.length > 0) memcpy(output->bytes + output->length, bytes.data, bytes.length);
    output->length += bytes.length;
    return GATEWAY_OK;
}

/* Two texts in one frame: the first is preceded by its length. 0 when the frame is not of that shape. */
static int split(const gateway_frame_t *frame, const uint8_t *bytes, gateway_bytes_t *first, gateway_bytes_t *second) {
    uint32_t length;
    if (frame->length < sizeof length) return 0;
    memcpy(&length, bytes, sizeof length);
    if (length > frame->length - sizeof length) return 0;
    *first = (gateway_bytes_t){bytes + sizeof length, length};
    *second = (gateway_bytes_t){bytes + sizeof length + length, frame->length - sizeof length - length};
    return 1;
}

static int32_t serve(const gateway_frame_t *frame, const uint8_t *bytes, gateway_sink_t sink) {
    gateway_bytes_t whole = {bytes, frame->length}, first, second;
    const gateway_operation_t *operation = tables.operation;
    switch (frame->kind) {
    case GATEWAY_FRAME_DESCRIBE: return tables.lifecycle->describe(tables.plugin, sink);
    case GATEWAY_FRAME_CONFIGURE: return tables.lifecycle->configure(tables.plugin, whole, sink);
    case GATEWAY_FRAME_SELFTEST:
        return tables.selftest != NULL ? tables.selftest->selftest(tables.plugin, sink) : GATEWAY_OK;
    case GATEWAY_FRAME_DRAIN:
        return tables.drain != NULL ? tables.drain->drain(tables.plugin) : GATEWAY_OK;
    case GATEWAY_FRAME_INVOKE:
        if (tables.invoke == NULL || !split(frame, bytes, &first, &second)) return GATEWAY_NOT_SUPPORTED;
        return tables.invoke->invoke(tables.plugin, frame->number, frame->index, first, second);
    case GATEWAY_FRAME_TIMER:
        if (tables.timer == NULL || !split(frame, bytes, &first, &second)) return GATEWAY_NOT_SUPPORTED;
        return tables.timer->fire(tables.plugin, frame->number, first, second);
    case GATEWAY_FRAME_PROMPT_2:
        if (tables.prompt_2 == NULL || !split(frame, bytes, &first, &second)) return GATEWAY_NOT_SUPPORTED;
        return tables.prompt_2->get(tables.plugin, frame->number, frame->index, first, second);
    case GATEWAY_FRAME_RESOURCE_2:
        if (tables.resource_2 == NULL || !split(frame, bytes, &first, &second)) return GATEWAY_NOT_SUPPORTED;
        return tables.resource_2->read(tables.plugin, frame->number, frame->index, first, second);
    case GATEWAY_FRAME_COMPLETION:
        if (tables.completion == NULL || !split(frame, bytes, &first, &second)) return GATEWAY_NOT_SUPPORTED;
        return tables.completion->complete(tables.plugin, frame->number, first, second);
    case GATEWAY_FRAME_PROMPT:
        if (tables.prompt == NULL) return GATEWAY_NOT_SUPPORTED;
        return tables.prompt->get(tables.plugin, frame->index, whole, sink);
    case GATEWAY_FRAME_RESOURCE:
        if (tables.resource == NULL) return GATEWAY_NOT_SUPPORTED;
        return tables.resource->read(tables.plugin, frame->index, sink);
    default: break;
    }
    if (operation == NULL) return GATEWAY_NOT_SUPPORTED;
    switch (frame->kind) {
    case GATEWAY_FRAME_PREPARE: return operation->prepare(tables.plugin, frame->index, whole, sink);
    case GATEWAY_FRAME_QUERY: return operation->query(tables.plugin, frame->index, whole, sink);
    case GATEWAY_FRAME_RENDER: return operation->render(tables.plugin, frame->index, whole, sink);
    case GATEWAY_FRAME_INTERPRET:
        if (!split(frame, bytes, &first, &second)) return GATEWAY_INVALID_ARGUMENT;
        return operation->interpret(tables.plugin, frame->index, first, second, sink);
    default: return GATEWAY_NOT_SUPPORTED;
    }
}

/* Whether a frame starts what ends by its completion. */
static int starts(uint32_t kind) {
    return kind == GATEWAY_FRAME_INVOKE || kind == GATEWAY_FRAME_TIMER || kind == GATEWAY_FRAME_PROMPT_2 ||
           kind == GATEWAY_FRAME_RESOURCE_2 || kind == GATEWAY_FRAME_COMPLETION;
}

static void take(const gateway_frame_t *frame, const uint8_t *bytes, struct output *output) {
    static const gateway_bytes_t nothing;
    memory_begin_call();
    if (frame->kind == GATEWAY_FRAME_CANCEL) {
        calls_cancel(frame->number);
        if (tables.cancel != NULL) tables.cancel->cancel(tables.plugin, frame->number);
        return;
    }
    if (frame->kind == GATEWAY_FRAME_ANSWER) {
        return calls_answer(frame->index, frame->status, (gateway_bytes_t){bytes, frame->length});
    }
    output->length = 0;
    output->is_too_large = 0;
    gateway_sink_t sink = {output, collect};
    if (starts(frame->kind)) {
        int32_t status = calls_begin(frame->number) ? serve(frame, bytes, sink) : GATEWAY_RATE_LIMITED;
        /* Not taken: so it is over. One that was taken ends by its completion. */
        if (status != GATEWAY_OK && calls_end(frame->number) == GATEWAY_OK) {
            frame_write(GATEWAY_FRAME_COMPLETE, frame->number, 0, status, nothing, nothing);
        }
        if (status == GATEWAY_OK && calls_knows(frame->number)) {
            frame_write(GATEWAY_FRAME_TAKEN, frame->number, 0, status, nothing, nothing);
        }
        return;
    }
    int32_t status = serve(frame, bytes, sink);
    if (output->is_too_large) status = GATEWAY_TOO_LARGE;
    gateway_bytes_t result = {output->bytes, output->length};
    frame_write(GATEWAY_FRAME_REPLY, frame->number, 0, status, result, nothing);
}

static void *work(void *unused) {
    (void)unused;
    uint8_t *bytes = NULL;
    size_t capacity = 0;
    struct output output = {0};
    services_on_plugin_thread();
    for (;;) {
        gateway_frame_t frame;
        pthread_mutex_lock(&reading);
        int is_there = frame_read(&frame, &bytes, &capacity);
        if (!is_there) _exit(0);
        pthread_mutex_unlock(&reading);
        take(&frame, bytes, &output);
    }
    return NULL;
}

static void started(int32_t status, uint32_t offers, const char *reason) {
    gateway_bytes_t text = {(const uint8_t *)reason, strlen(reason)}, nothing = {NULL, 0};
    frame_write(GATEWAY_FRAME_STARTED, 0, offers, status, text, nothing);
}

static int refuse(int32_t status, const char *reason) {
    started(status, 0, reason);
    return 3;
}

static int negotiate(const struct worker_settings *settings, char *reason, size_t reason_size) {
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", GATEWAY_WORKER_LIBRARY);
    gateway_plugin_entry_t entry = gateway_library_open(path, reason, reason_size);
    if (entry == NULL) return -1;
    gateway_negotiation_t negotiation = {0};
    negotiation.isolation = settings->confinement.isolation;
    negotiation.host_name = (gateway_bytes_t){(const uint8_t *)"mpesa-gateway", 13};
    negotiation.host_version =
        (gateway_bytes_t){(const uint8_t *)settings->host_version, strlen(settings->host_version)};
    negotiation.host_interface = services_find;
    return gateway_library_negotiate(entry, &negotiation, &tables, reason, reason_size);
}

int main(int count, char *const *arguments) {
    if (count < 8) {
        fputs("mpesa-gateway-worker is started by mpesa-gateway, not by hand.\n", stderr);
        return 2;
    }
    struct worker_settings settings = {
        .confinement = {
            .isolation = (uint32_t)strtoul(arguments[1], NULL, 10),
            .memory_bytes = strtoull(arguments[2], NULL, 10),
            .user = (uint32_t)strtoul(arguments[4], NULL, 10),
            .threads_max = strtoull(arguments[5], NULL, 10),
            .host = (int32_t)strtol(arguments[6], NULL, 10),
            .library = GATEWAY_WORKER_LIBRARY,
            .kept = GATEWAY_WORKER_SOCKET,
            .readable = arguments + 8,
        },
        .result_bytes_max = strtoull(arguments[3], NULL, 10),
        .host_version = arguments[7],
    };
    char reason[GATEWAY_CONFINEMENT_TEXT_MAX] = "", missing[GATEWAY_CONFINEMENT_TEXT_MAX] = "";
    result_bytes_max = settings.result_bytes_max;
    services_limit(settings.result_bytes_max);
    memory_watch();
    if (gateway_confine(&settings.confinement, missing, sizeof missing) != 0) return refuse(GATEWAY_PERMISSION_DENIED, missing);
    int problem = negotiate(&settings, reason, sizeof reason);
    if (problem != GATEWAY_NEGOTIATION_OK) return refuse(problem < 0 ? GATEWAY_INTERNAL : GATEWAY_CONFLICT + problem, reason);
    uint32_t offers = (tables.operation != NULL ? GATEWAY_OFFERS_OPERATION : 0) |
                      (tables.invoke != NULL ? GATEWAY_OFFERS_INVOKE : 0) |
                      (tables.drain != NULL ? GATEWAY_OFFERS_DRAIN : 0) |
                      (tables.timer != NULL ? GATEWAY_OFFERS_TIMER : 0) |
                      (tables.prompt != NULL ? GATEWAY_OFFERS_PROMPT : 0) |
                      (tables.resource != NULL ? GATEWAY_OFFERS_RESOURCE : 0) |
                      (tables.prompt_2 != NULL ? GATEWAY_OFFERS_PROMPT_2 : 0) |
                      (tables.resource_2 != NULL ? GATEWAY_OFFERS_RESOURCE_2 : 0) |
                      (tables.completion != NULL ? GATEWAY_OFFERS_COMPLETION : 0);
    started(GATEWAY_OK, offers, missing);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    /* What a function with a large frame reaches for beyond it is not another thread's memory either. */
    pthread_attr_setguardsize(&attributes, GUARD_BYTES);
    for (int index = 1; index < THREADS; index++) {
        pthread_t thread;
        if (pthread_create(&thread, &attributes, work, NULL) != 0) return 4;
    }
    work(NULL);
    return 0;
}
