/*
 * A plugin in plain C99 that asks its host for everything there is to ask for: host services, timers, progress, a
 * person's answer, prompts and resources. The tests tell it by its arguments what to do.
 */
#include "PluginAPI.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef DESK_NEEDS
#define DESK_NEEDS "{\"collections\":[\"notes\"],\"services\":[\"transactions\",\"timers\",\"exports\"]}"
#endif

__attribute__((section(GATEWAY_MANIFEST_SECTION), used, retain)) static const gateway_manifest_t manifest = {
    .magic = GATEWAY_MANIFEST_MAGIC,
    .revision = 1,
    .level_min = GATEWAY_LEVEL,
    .level_max = GATEWAY_LEVEL,
    .id = "desk",
    .version = "1.0.0",
    .runtime = "c",
};

#define NOTES                                                                                                        \
    "\"annotations\":{\"read_only\":false,\"destructive\":false,\"idempotent\":false,\"open_world\":false,"           \
    "\"money_moving\":false}"

static const char catalogue[] =
    "{\"plugin\":{\"id\":\"desk\",\"version\":\"1.0.0\",\"title\":\"Desk\"},\"tools\":["
    "{\"name\":\"desk_ask\",\"kind\":\"function\",\"title\":\"Ask\",\"description\":\"Asks a host service.\","
    "\"examples\":[{\"title\":\"A value\",\"arguments\":{\"service\":\"store.get\",\"request\":{}}}],"
    "\"input_schema\":{\"type\":\"object\",\"properties\":{\"service\":{\"type\":\"string\"},\"request\":{}},"
    "\"required\":[\"service\",\"request\"],\"additionalProperties\":false},"
    "\"output_schema\":{\"type\":\"object\",\"properties\":{\"status\":{},\"answer\":{}},"
    "\"additionalProperties\":false}," NOTES "},"
    "{\"name\":\"desk_work\",\"kind\":\"function\",\"title\":\"Work\",\"description\":\"Does what it is told.\","
    "\"examples\":[{\"title\":\"Content\",\"arguments\":{\"how\":\"content\"}}],"
    "\"input_schema\":{\"type\":\"object\",\"properties\":{\"how\":{\"type\":\"string\"}},"
    "\"additionalProperties\":false},\"output_schema\":{\"type\":\"object\",\"properties\":{\"done\":{},\"meta\":{}},"
    "\"additionalProperties\":false}," NOTES "},"
    "{\"name\":\"desk_question\",\"kind\":\"function\",\"title\":\"Question\",\"description\":\"Asks first.\","
    "\"examples\":[{\"title\":\"A question\",\"arguments\":{\"how\":\"question\"}}],\"asks\":true,"
    "\"input_schema\":{\"type\":\"object\",\"properties\":{\"how\":{\"type\":\"string\"}},"
    "\"additionalProperties\":false},\"output_schema\":{\"type\":\"object\",\"properties\":{\"done\":{},\"meta\":{}},"
    "\"additionalProperties\":false}," NOTES "}],\"operations\":[],"
    "\"prompts\":[{\"name\":\"desk_day\",\"title\":\"A day\",\"description\":\"Look at one day.\","
    "\"arguments\":[{\"name\":\"day\",\"description\":\"Which.\",\"required\":true}]}],"
    "\"resources\":[{\"uri\":\"gateway://desk/manual\",\"name\":\"Manual\",\"mime_type\":\"text/markdown\"},"
    "{\"uri\":\"gateway://desk/seal\",\"name\":\"Seal\",\"mime_type\":\"application/octet-stream\"}],"
    "\"needs\":" DESK_NEEDS "}";

static void *host;
static const gateway_complete_t *completion;
static const gateway_progress_t *progress;
static const gateway_call_t *calling;

static gateway_bytes_t text(const char *text) {
    gateway_bytes_t bytes = {(const uint8_t *)text, strlen(text)};
    return bytes;
}

static int holds(gateway_bytes_t bytes, const char *word) {
    return memmem(bytes.data, bytes.length, word, strlen(word)) != NULL;
}

static int32_t describe(void *plugin, gateway_sink_t sink) {
    (void)plugin;
    return sink.write(sink.context, text(catalogue));
}

static int32_t configure(void *plugin, gateway_bytes_t settings, gateway_sink_t reason) {
    (void)plugin, (void)settings, (void)reason;
    return GATEWAY_OK;
}

/* ---- Asking a service, and telling the caller what it answered. */

static void answered(void *context, int32_t status, gateway_bytes_t answer) {
    uint64_t number = (uint64_t)(uintptr_t)context;
#ifdef GIVES_UP
    if (status != GATEWAY_NOT_FOUND) return;
#endif
#ifdef TWICE_LATER
    completion->complete(host, number, GATEWAY_OK, text("{}"));
#endif
    char *payload = malloc(answer.length + 64);
    int length = snprintf(payload, answer.length + 64, "{\"status\":%d,\"answer\":%.*s}", (int)status,
                          answer.length == 0 ? 4 : (int)answer.length,
                          answer.length == 0 ? "null" : (const char *)answer.data);
    gateway_bytes_t bytes = {(const uint8_t *)payload, (uint64_t)length};
    completion->complete(host, number, GATEWAY_OK, bytes);
    free(payload);
}

/* The arguments are {"service":"NAME","request":{…}} as the host writes them. */
static int32_t ask(uint64_t number, gateway_bytes_t arguments) {
    static const char first[] = "{\"service\":\"", second[] = "\",\"request\":";
    const char *start = (const char *)arguments.data + sizeof first - 1;
    const char *middle = memmem(arguments.data, arguments.length, second, sizeof second - 1);
    if (arguments.length < sizeof first || memcmp(arguments.data, first, sizeof first - 1) != 0 || middle == NULL) {
        return GATEWAY_INVALID_ARGUMENT;
    }
    const char *request = middle + sizeof second - 1;
    gateway_bytes_t service = {(const uint8_t *)start, (uint64_t)(middle - start)};
    gateway_bytes_t body = {(const uint8_t *)request,
                            arguments.length - 1 - (uint64_t)(request - (const char *)arguments.data)};
    return calling->call(host, number, service, body, answered, (void *)(uintptr_t)number);
}

/* ---- Work of every kind. */

static void *advance(void *context) {
    uint64_t number = (uint64_t)(uintptr_t)context;
    for (uint32_t step = 1; step <= 4; step++) {
        progress->progress(host, number, step * 200000, text("on the way"));
        progress->progress(host, number, step * 100000, text("backwards, which nobody is told"));
        usleep(150000);
    }
    completion->complete(host, number, GATEWAY_OK, text("{\"done\":true}"));
    return NULL;
}

static const char blocks[] =
    "{\"done\":true,\"$content\":[{\"type\":\"text\",\"text\":\"Seen.\"},"
    "{\"type\":\"image\",\"data\":\"iVBORw==\",\"mimeType\":\"image/png\"},"
    "{\"type\":\"audio\",\"data\":\"AAEC\",\"mimeType\":\"audio/wav\"},"
    "{\"type\":\"resource_link\",\"uri\":\"gateway://desk/manual\",\"name\":\"Manual\"},"
    "{\"type\":\"resource\",\"resource\":{\"uri\":\"gateway://desk/manual\",\"text\":\"# Manual\"}}]}";

static int32_t work(uint64_t number, gateway_bytes_t arguments, gateway_bytes_t meta) {
    if (holds(arguments, "\"progress\"")) {
        pthread_t thread;
        pthread_create(&thread, NULL, advance, (void *)(uintptr_t)number);
        pthread_detach(thread);
    } else if (holds(arguments, "\"question\"") && holds(meta, "\"input\"")) {
        char *payload = malloc(meta.length + 64);
        snprintf(payload, meta.length + 64, "{\"done\":true,\"meta\":%.*s}", (int)meta.length, (const char *)meta.data);
        completion->complete(host, number, GATEWAY_OK, text(payload));
        free(payload);
    } else if (holds(arguments, "\"question\"")) {
        completion->complete(host, number, GATEWAY_INPUT_REQUIRED,
                             text("{\"message\":\"Is this right?\",\"schema\":{\"type\":\"object\",\"properties\":{"
                                  "\"sure\":{\"type\":\"boolean\"}},\"required\":[\"sure\"]},\"state\":{\"step\":7}}"));
    } else if (holds(arguments, "\"handle\"")) {
        completion->complete(host, number, GATEWAY_ACCEPTED,
                             text("{\"handle\":\"job-1\",\"tool\":\"desk_ask\",\"message\":\"It was begun.\","
                                  "\"poll_after_ms\":500}"));
    } else if (holds(arguments, "\"content\"")) {
        completion->complete(host, number, GATEWAY_OK, text(blocks));
    } else if (holds(arguments, "\"bad-content\"")) {
        completion->complete(host, number, GATEWAY_OK, text("{\"$content\":[{\"type\":\"image\",\"data\":\"%\"}]}"));
    } else if (holds(arguments, "\"bad-question\"")) {
        completion->complete(host, number, GATEWAY_INPUT_REQUIRED, text("{\"message\":\"?\"}"));
    } else if (holds(arguments, "\"bad-handle\"")) {
        completion->complete(host, number, GATEWAY_ACCEPTED, text("{}"));
    } else if (holds(arguments, "\"linger\"")) {
        progress->progress(host, number, 1000, text("begun"));
    } else if (holds(arguments, "\"meta\"")) {
        char *payload = malloc(meta.length + 64);
        snprintf(payload, meta.length + 64, "{\"meta\":%.*s}", (int)meta.length, (const char *)meta.data);
        completion->complete(host, number, GATEWAY_OK, text(payload));
        free(payload);
    } else {
        return GATEWAY_INVALID_ARGUMENT;
    }
    return GATEWAY_OK;
}

static int32_t invoke(void *plugin, uint64_t number, uint32_t tool, gateway_bytes_t arguments, gateway_bytes_t meta) {
    (void)plugin;
    if (tool > 2) return GATEWAY_NOT_SUPPORTED;
    return tool == 0 ? ask(number, arguments) : work(number, arguments, meta);
}

static int32_t cancel(void *plugin, uint64_t number) {
    (void)plugin;
    completion->complete(host, number, GATEWAY_CANCELLED, text("{\"message\":\"Given up.\"}"));
    return GATEWAY_OK;
}

/* ---- A timer: its document becomes a value of the collection. One named "stubborn" fails until its third time. */

static void noted(void *context, int32_t status, gateway_bytes_t answer) {
    (void)answer;
    completion->complete(host, (uint64_t)(uintptr_t)context, status, text("{}"));
}

static int32_t fire(void *plugin, uint64_t number, gateway_bytes_t timer, gateway_bytes_t meta) {
    (void)plugin;
#ifdef FORGETS_TIMERS
    return GATEWAY_OK;
#endif
    if (!holds(meta, "\"caller\":\"timer\"")) return GATEWAY_INVALID_ARGUMENT;
    if (holds(timer, "\"name\":\"stubborn\"") && !holds(timer, "\"attempt\":3")) return GATEWAY_INTERNAL;
    char *request = malloc(timer.length + 128);
    const char *name = holds(timer, "\"name\":\"stubborn\"") ? "stubborn" : "timer";
    snprintf(request, timer.length + 128, "{\"collection\":\"notes\",\"key\":\"%s\",\"value\":%.*s}", name,
             (int)timer.length, (const char *)timer.data);
    int32_t status = calling->call(host, number, text("store.put"), text(request), noted, (void *)(uintptr_t)number);
    free(request);
    return status;
}

/* ---- What is read. */

static int32_t get(void *plugin, uint32_t prompt, gateway_bytes_t arguments, gateway_sink_t output) {
    (void)plugin;
    if (prompt != 0) return GATEWAY_NOT_SUPPORTED;
    if (!holds(arguments, "\"day\"")) return GATEWAY_INVALID_ARGUMENT;
#ifdef BAD_PROMPT
    return output.write(output.context, text("{\"description\":\"No messages\"}"));
#endif
    return output.write(output.context,
                        text("{\"description\":\"One day\",\"messages\":[{\"role\":\"user\",\"content\":{\"type\":\"text\","
                             "\"text\":\"Look at the payments of that day.\"}}]}"));
}

static int32_t read_resource(void *plugin, uint32_t resource, gateway_sink_t output) {
    static const uint8_t seal[] = {0, 1, 2, 255};
    (void)plugin;
#ifdef ANY_RESOURCE
    return output.write(output.context, text("Whatever you like."));
#endif
#ifdef IMPURE_RESOURCE
    static int times;
    char counted[32];
    snprintf(counted, sizeof counted, "%d", ++times);
    return output.write(output.context, text(counted));
#endif
    if (resource == 0) return output.write(output.context, text("# Manual\n"));
    if (resource != 1) return GATEWAY_NOT_SUPPORTED;
    gateway_bytes_t bytes = {seal, sizeof seal};
    return output.write(output.context, bytes);
}

static const gateway_lifecycle_t lifecycle_table = {describe, configure};
static const gateway_invoke_t invoke_table = {invoke};
static const gateway_cancel_t cancel_table = {cancel};
static const gateway_timer_t timer_table = {fire};
static const gateway_prompt_t prompt_table = {get};
static const gateway_resource_t resource_table = {read_resource};

static int is(gateway_bytes_t id, const char *name) {
    return id.length == strlen(name) && memcmp(id.data, name, id.length) == 0;
}

static const void *find(void *plugin, gateway_bytes_t id) {
    (void)plugin;
    if (is(id, GATEWAY_LIFECYCLE)) return &lifecycle_table;
    if (is(id, GATEWAY_INVOKE)) return &invoke_table;
    if (is(id, GATEWAY_CANCEL)) return &cancel_table;
#ifndef NO_TIMER
    if (is(id, GATEWAY_TIMER)) return &timer_table;
#endif
#ifndef NO_PROMPT
    if (is(id, GATEWAY_PROMPT)) return &prompt_table;
#endif
#ifndef NO_RESOURCE
    if (is(id, GATEWAY_RESOURCE)) return &resource_table;
#endif
    return NULL;
}

int32_t gateway_plugin_v1(gateway_negotiation_t *negotiation) {
    if (negotiation == NULL) return GATEWAY_INVALID_ARGUMENT;
    if (negotiation->host_level_min > GATEWAY_LEVEL || negotiation->host_level_max < GATEWAY_LEVEL) {
        return GATEWAY_NOT_SUPPORTED;
    }
    host = negotiation->host;
    completion = negotiation->host_interface(host, text(GATEWAY_COMPLETE));
    progress = negotiation->host_interface(host, text(GATEWAY_PROGRESS));
    calling = negotiation->host_interface(host, text(GATEWAY_CALL));
    negotiation->level = GATEWAY_LEVEL;
    negotiation->plugin_interface = find;
    return GATEWAY_OK;
}
