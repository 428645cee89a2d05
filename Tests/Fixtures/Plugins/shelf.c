/*
 * A plugin in plain C99 of what is read and may be asked about first: a prompt and a resource that ask, resources under a
 * beginning of URIs of its own, and completions. What is defined makes it do one thing wrong.
 */
#include "PluginAPI.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef SHELF_ID
#define SHELF_ID "shelf"
#endif
#ifndef SHELF_URIS
#define SHELF_URIS "\"x-uris\":[\"shelf://\"]"
#endif
#ifndef SHELF_TEMPLATE
#define SHELF_TEMPLATE "shelf://book/{title}"
#endif
#ifdef ASKS_UNTOLD
#define ASKS ""
#else
#define ASKS "\"asks\":true,"
#endif

__attribute__((section(GATEWAY_MANIFEST_SECTION), used, retain)) static const gateway_manifest_t manifest = {
    .magic = GATEWAY_MANIFEST_MAGIC,
    .revision = 1,
    .level_min = GATEWAY_LEVEL,
    .level_max = GATEWAY_LEVEL,
    .id = SHELF_ID,
    .version = "1.0.0",
    .runtime = "c",
};

#define TITLE "{\"name\":\"title\",\"description\":\"The book's title.\",\"x-completes\":true}"

static const char catalogue[] =
    "{\"plugin\":{\"id\":\"" SHELF_ID "\",\"version\":\"1.0.0\",\"title\":\"Shelf\"},\"tools\":["
    "{\"name\":\"" SHELF_ID "_count\",\"kind\":\"function\",\"title\":\"Count\",\"description\":\"Counts.\","
    "\"input_schema\":{\"type\":\"object\",\"properties\":{},\"additionalProperties\":false},"
    "\"output_schema\":{\"type\":\"object\",\"properties\":{\"count\":{}},\"additionalProperties\":false},"
    "\"annotations\":{\"read_only\":true,\"destructive\":false,\"idempotent\":true,\"open_world\":false,"
    "\"money_moving\":false}}],\"operations\":[],"
    "\"x-prompts\":[{\"name\":\"" SHELF_ID "_letter\",\"title\":\"A letter\",\"description\":\"Writes about a book.\"," ASKS
    "\"arguments\":[{\"name\":\"title\",\"description\":\"The book's title.\",\"required\":true,\"x-completes\":true},"
    "{\"name\":\"place\",\"description\":\"Where it stands.\"}]}],"
    "\"x-templates\":[{\"uri_template\":\"" SHELF_TEMPLATE "\",\"name\":\"book\",\"title\":\"A book\","
    "\"description\":\"What is in it.\",\"mime_type\":\"text/plain\",\"arguments\":[" TITLE "]},"
    "{\"uri_template\":\"gateway://" SHELF_ID "/locked/{title}\",\"name\":\"locked\",\"title\":\"A locked book\","
    "\"description\":\"Asks first.\",\"mime_type\":\"application/octet-stream\",\"asks\":true,\"arguments\":[" TITLE
    "]}],\"needs\":{" SHELF_URIS "}}";

static void *host;
static const gateway_complete_t *completion;

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

static int32_t invoke(void *plugin, uint64_t number, uint32_t tool, gateway_bytes_t arguments, gateway_bytes_t meta) {
    (void)plugin, (void)arguments, (void)meta;
    if (tool != 0) return GATEWAY_NOT_SUPPORTED;
    completion->complete(host, number, GATEWAY_OK, text("{\"count\":2}"));
    return GATEWAY_OK;
}

static void finish(uint64_t number, int32_t status, const char *payload) {
#ifdef SLOW_START
    usleep(200000);
#endif
    completion->complete(host, number, status, text(payload));
#ifdef TWICE
    completion->complete(host, number, status, text(payload));
#endif
}

/* What a document is answered with, and what stood beside it. */
static int32_t answer(uint64_t number, const char *begin, gateway_bytes_t arguments, gateway_bytes_t meta) {
    size_t size = strlen(begin) + arguments.length + meta.length + 64;
    char *payload = malloc(size);
    if (payload == NULL) return GATEWAY_INTERNAL;
    snprintf(payload, size, "{%s,\"arguments\":%.*s,\"meta\":%.*s}", begin, (int)arguments.length,
             (const char *)arguments.data, (int)meta.length, (const char *)meta.data);
    finish(number, GATEWAY_OK, payload);
    free(payload);
    return GATEWAY_OK;
}

/* ---- The drafts. */

#define SURE "{\"type\":\"object\",\"properties\":{\"sure\":{\"type\":\"boolean\"}},\"required\":[\"sure\"]}"
#define TONE "{\"type\":\"object\",\"properties\":{\"tone\":{\"type\":\"string\"}},\"required\":[\"tone\"]}"

static int32_t get(void *plugin, uint64_t number, uint32_t prompt, gateway_bytes_t arguments, gateway_bytes_t meta) {
    (void)plugin;
#ifndef ANY_INDEX
    if (prompt != 0) return GATEWAY_NOT_SUPPORTED;
#endif
#ifdef ANY_INDEX
    if (prompt != 0) {
        finish(number, GATEWAY_OK, "{\"messages\":[]}");
        return GATEWAY_OK;
    }
#endif
    if (!holds(meta, "\"input\"")) {
        finish(number, GATEWAY_INPUT_REQUIRED,
               "{\"questions\":{\"tone\":{\"message\":\"In which tone?\",\"schema\":" TONE "},"
               "\"sure\":{\"message\":\"Sure?\",\"schema\":" SURE "}},\"state\":{\"step\":1}}");
        return GATEWAY_OK;
    }
#ifdef BAD_PROMPT
    return answer(number, "\"messages\":[{\"role\":\"user\"}]", arguments, meta);
#endif
    return answer(number,
                  "\"description\":\"A letter\",\"messages\":[{\"role\":\"user\",\"content\":{\"type\":\"text\","
                  "\"text\":\"Write a letter.\"}}]",
                  arguments, meta);
}

static int32_t read_resource(void *plugin, uint64_t number, uint32_t index, gateway_bytes_t arguments,
                             gateway_bytes_t meta) {
    (void)plugin;
    if (index > 1) return GATEWAY_NOT_SUPPORTED;
    if (holds(arguments, "\"none\"")) {
        finish(number, GATEWAY_NOT_FOUND, "{\"message\":\"There is no such book.\"}");
        return GATEWAY_OK;
    }
    if (index == 0) return answer(number, "\"text\":\"Once upon a time.\"", arguments, meta);
    if (!holds(meta, "\"input\"")) {
        finish(number, GATEWAY_INPUT_REQUIRED,
               "{\"message\":\"Open it?\",\"schema\":" SURE ",\"state\":{\"lock\":7}}");
        return GATEWAY_OK;
    }
    if (!holds(meta, "\"accept\"")) {
        finish(number, GATEWAY_PERMISSION_DENIED, "{\"message\":\"It stays locked.\"}");
        return GATEWAY_OK;
    }
#ifdef BAD_RESOURCE
    return answer(number, "\"base64\":\"%\"", arguments, meta);
#endif
    return answer(number, "\"base64\":\"AAEC/w==\"", arguments, meta);
}

static int32_t complete(void *plugin, uint64_t number, gateway_bytes_t request, gateway_bytes_t meta) {
    (void)plugin;
#ifdef COMPLETION_ASKS
    finish(number, GATEWAY_INPUT_REQUIRED, "{\"message\":\"Sure?\",\"schema\":" SURE "}");
    return GATEWAY_OK;
#endif
#ifdef HIDES
    return answer(number, "\"values\":[\"one\\u202e\"]", request, meta);
#endif
#ifdef TOO_MANY
    char values[1024] = "\"values\":[\"0\"";
    for (int count = 0; count < 100; count++) strcat(values, ",\"1\"");
    return answer(number, strcat(values, "]"), request, meta);
#endif
    return answer(number, "\"values\":[\"Karibu\",\"Kariuki of 0722000111\"],\"total\":9", request, meta);
}

static const gateway_lifecycle_t lifecycle_table = {describe, configure};
static const gateway_invoke_t invoke_table = {invoke};
#ifndef NULL_FUNCTION
static const gateway_prompt_2_t prompt_table = {get};
#else
static const gateway_prompt_2_t prompt_table = {NULL};
#endif
static const gateway_resource_2_t resource_table = {read_resource};
static const gateway_argument_completion_t completion_table = {complete};

static int is(gateway_bytes_t id, const char *name) {
    return id.length == strlen(name) && memcmp(id.data, name, id.length) == 0;
}

static const void *find(void *plugin, gateway_bytes_t id) {
    (void)plugin;
    if (is(id, GATEWAY_LIFECYCLE)) return &lifecycle_table;
    if (is(id, GATEWAY_INVOKE)) return &invoke_table;
#ifndef NO_PROMPT
    if (is(id, GATEWAY_PROMPT_2)) return &prompt_table;
#endif
#ifndef NO_RESOURCE
    if (is(id, GATEWAY_RESOURCE_2)) return &resource_table;
#endif
#ifndef NO_COMPLETION
    if (is(id, GATEWAY_ARGUMENT_COMPLETION)) return &completion_table;
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
    negotiation->level = GATEWAY_LEVEL;
    negotiation->plugin_interface = find;
    return GATEWAY_OK;
}
