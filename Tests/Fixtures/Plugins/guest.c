/*
 * A small good plugin with rich schemas and recorded messages, into which the tests of `plugin check` put statements that
 * break one rule, at the places named IN_: -DIN_PREPARE='amount += time(NULL);'. Nothing stands there by itself.
 */
#include "PluginAPI.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#ifndef BESIDE
#define BESIDE
#endif
#ifndef IN_ENTRY
#define IN_ENTRY
#endif
#ifndef IN_CONFIGURE
#define IN_CONFIGURE
#endif
#ifndef IN_PREPARE
#define IN_PREPARE
#endif
#ifndef IN_INTERPRET
#define IN_INTERPRET
#endif
#ifndef IN_QUERY
#define IN_QUERY
#endif
#ifndef IN_RENDER
#define IN_RENDER
#endif
#ifndef IN_INVOKE
#define IN_INVOKE
#endif
#ifndef IN_RESOURCE
#define IN_RESOURCE
#endif
#ifndef NEEDS
#define NEEDS
#endif
#ifndef RECORDED
#define RECORDED                                                                                                       \
    "{\"title\":\"Paid\",\"source\":{\"type\":\"callback\",\"name\":\"result\"},\"record\":{\"amount\":7},"             \
    "\"body\":{\"ResultCode\":0,\"Receipt\":\"NLJ7RT61SV\"},\"proof\":[\"/ResultCode\",\"/Receipt\"],"                  \
    "\"evidence\":{\"verdict\":\"succeeded\",\"receipt\":\"NLJ7RT61SV\"}},"                                             \
    "{\"title\":\"Nothing\",\"source\":{\"type\":\"reply\",\"status\":502},\"body\":\"<html>502</html>\","              \
    "\"evidence\":{\"verdict\":\"unknown\"}}"
#endif

__attribute__((section(GATEWAY_MANIFEST_SECTION), used, retain)) static const gateway_manifest_t manifest = {
    .magic = GATEWAY_MANIFEST_MAGIC,
    .revision = 1,
    .level_min = GATEWAY_LEVEL,
    .level_max = GATEWAY_LEVEL,
    .id = "guest",
    .version = "1.0.0",
    .runtime = "c",
    .sdk = "",
};

#define NATURE(money)                                                                                                  \
    "{\"read_only\":false,\"destructive\":false,\"idempotent\":false,\"open_world\":false,\"money_moving\":" money "}"

static const char catalogue[] =
    "{\"plugin\":{\"id\":\"guest\",\"version\":\"1.0.0\",\"title\":\"Guest\"},\"tools\":["
    "{\"name\":\"guest_pay\",\"kind\":\"operation\",\"operation\":\"pay\",\"title\":\"Pay\",\"description\":\"Pays.\","
    "\"examples\":[{\"title\":\"One\",\"arguments\":{\"phone\":\"254712345678\",\"amount\":10}}],"
    "\"input_schema\":{\"type\":\"object\",\"properties\":{"
    "\"phone\":{\"type\":\"string\",\"pattern\":\"^(254|0)[17][0-9]{8}$\"},"
    "\"amount\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":250000},"
    "\"note\":{\"type\":\"string\",\"maxLength\":5000}},"
    "\"required\":[\"phone\",\"amount\"],\"additionalProperties\":false},"
    "\"output_schema\":{\"type\":\"object\",\"properties\":{\"state\":{\"type\":\"string\"}},\"additionalProperties\":false},"
    "\"annotations\":" NATURE("true") "},"
    "{\"name\":\"guest_say\",\"kind\":\"function\",\"title\":\"Say\",\"description\":\"Says.\","
    "\"examples\":[{\"title\":\"One\",\"arguments\":{\"text\":\"x\",\"count\":3}}],"
    "\"input_schema\":{\"type\":\"object\",\"properties\":{"
    "\"text\":{\"type\":\"string\",\"maxLength\":5000},"
    "\"count\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":1000},"
    "\"list\":{\"type\":\"array\",\"items\":{\"type\":\"integer\"},\"maxItems\":50}},"
    "\"required\":[\"text\"],\"additionalProperties\":false},"
    "\"output_schema\":{\"type\":\"object\",\"properties\":{\"said\":{\"type\":\"integer\"}},\"additionalProperties\":false},"
    "\"annotations\":" NATURE("false") "}],"
    "\"operations\":[{\"name\":\"pay\",\"direction\":\"in\",\"upstream\":\"daraja\",\"path\":\"/pay\","
    "\"callbacks\":[{\"name\":\"result\",\"pointer\":\"/CallBackURL\"}],\"x-examples\":[" RECORDED "]}],"
    "\"resources\":[{\"uri\":\"gateway://guest/a\",\"name\":\"A\",\"mime_type\":\"text/plain\"}],"
    "\"needs\":{\"upstreams\":[{\"name\":\"daraja\",\"paths\":[\"/pay\"]}]" NEEDS "}}";

static void *host;
static const gateway_complete_t *completion;
static const gateway_call_t *calling;
static volatile int never_set;

static gateway_bytes_t text(const char *text) {
    gateway_bytes_t bytes = {(const uint8_t *)text, strlen(text)};
    return bytes;
}

static inline int has(gateway_bytes_t bytes, const char *word) {
    return bytes.length > 0 && memmem(bytes.data, bytes.length, word, strlen(word)) != NULL;
}

/* The number behind a member's name; -1 where it has none. */
static inline long number_of(gateway_bytes_t bytes, const char *name) {
    const char *at = memmem(bytes.data, bytes.length, name, strlen(name));
    char digits[20] = "";
    if (at == NULL) return -1;
    const char *from = at + strlen(name) + 2, *end = (const char *)bytes.data + bytes.length;
    for (size_t index = 0; index < sizeof digits - 1 && from + index < end; index++) digits[index] = from[index];
    return strtol(digits, NULL, 10);
}

/* A number that other bytes mostly do not have. */
static unsigned digest(gateway_bytes_t bytes) {
    unsigned sum = 7;
    for (uint64_t index = 0; index < bytes.length; index++) sum = sum * 31 + bytes.data[index];
    return 1000 + sum % 90000;
}

/* So much stack. */
static inline int deep(size_t size) {
    volatile char block[4096];
    block[0] = (char)size;
    return size < 4096 ? 0 : deep(size - 4096) + block[0];
}

BESIDE

static int32_t describe(void *plugin, gateway_sink_t sink) {
    (void)plugin;
    return sink.write(sink.context, text(catalogue));
}

static int32_t configure(void *plugin, gateway_bytes_t settings, gateway_sink_t reason) {
    (void)plugin, (void)settings, (void)reason;
    IN_CONFIGURE
    return GATEWAY_OK;
}

static int32_t prepare(void *plugin, uint32_t tool, gateway_bytes_t input, gateway_sink_t output) {
    (void)plugin;
    if (tool != 0) return GATEWAY_NOT_SUPPORTED;
    unsigned amount = digest(input);
    char plan[120];
    IN_PREPARE
    snprintf(plan, sizeof plan, "{\"plan\":{\"intent\":{\"amount\":%u},\"request\":{\"body\":{}}}}", amount);
    return output.write(output.context, text(plan));
}

/* Only the very bytes of a success are one. */
static int is_paid(gateway_bytes_t raw) {
    static const char head[] = "{\"ResultCode\":0,\"Receipt\":\"", tail[] = "\"}";
    size_t length = sizeof head - 1;
    if (raw.length != length + 10 + sizeof tail - 1 || memcmp(raw.data, head, length) != 0) return 0;
    for (size_t at = length; at < length + 10; at++) {
        if ((raw.data[at] < '0' || raw.data[at] > '9') && (raw.data[at] < 'A' || raw.data[at] > 'Z')) return 0;
    }
    return memcmp(raw.data + length + 10, tail, sizeof tail - 1) == 0;
}

static int32_t interpret(void *plugin, uint32_t operation, gateway_bytes_t input, gateway_bytes_t raw,
                         gateway_sink_t output) {
    (void)plugin, (void)input;
    if (operation != 0) return GATEWAY_NOT_SUPPORTED;
    char answer[160], receipt[11] = "";
    int paid = is_paid(raw);
    IN_INTERPRET
    if (paid && raw.length >= 37) memcpy(receipt, raw.data + 27, 10);
    snprintf(answer, sizeof answer, "{\"evidence\":{\"verdict\":\"%s\"%s%s%s}}", paid ? "succeeded" : "unknown",
             paid ? ",\"receipt\":\"" : "", paid ? (is_paid(raw) ? receipt : "R") : "", paid ? "\"" : "");
    return output.write(output.context, text(answer));
}

static int32_t query(void *plugin, uint32_t operation, gateway_bytes_t input, gateway_sink_t output) {
    (void)plugin, (void)input;
    if (operation != 0) return GATEWAY_NOT_SUPPORTED;
    IN_QUERY
    return output.write(output.context, text("{\"none\":true}"));
}

static int32_t render(void *plugin, uint32_t tool, gateway_bytes_t input, gateway_sink_t output) {
    (void)plugin, (void)input;
    if (tool != 0) return GATEWAY_NOT_SUPPORTED;
    IN_RENDER
    return output.write(output.context, text("{\"state\":\"x\"}"));
}

static int32_t invoke(void *plugin, uint64_t number, uint32_t tool, gateway_bytes_t arguments, gateway_bytes_t meta) {
    (void)plugin, (void)meta;
    if (tool != 1) return GATEWAY_NOT_SUPPORTED;
    char said[60];
    unsigned sum = digest(arguments);
    IN_INVOKE
    snprintf(said, sizeof said, "{\"said\":%u}", sum);
    completion->complete(host, number, GATEWAY_OK, text(said));
    return GATEWAY_OK;
}

static int32_t read_resource(void *plugin, uint32_t index, gateway_sink_t output) {
    (void)plugin;
    if (index != 0) return GATEWAY_NOT_FOUND;
    IN_RESOURCE
    return output.write(output.context, text("A text."));
}

static const gateway_lifecycle_t lifecycle_table = {describe, configure};
static const gateway_operation_t operation_table = {prepare, interpret, query, render};
static const gateway_invoke_t invoke_table = {invoke};
static const gateway_resource_t resource_table = {read_resource};

static const void *find(void *plugin, gateway_bytes_t id) {
    (void)plugin;
    const struct {
        const char *id;
        const void *table;
    } tables[] = {
        {GATEWAY_LIFECYCLE, &lifecycle_table},
        {GATEWAY_OPERATION, &operation_table},
        {GATEWAY_INVOKE, &invoke_table},
        {GATEWAY_RESOURCE, &resource_table},
#ifdef LATER_ID
        {LATER_ID, &operation_table},
#endif
    };
    for (size_t index = 0; index < sizeof tables / sizeof tables[0]; index++) {
        size_t length = strlen(tables[index].id);
        if (length == id.length && memcmp(tables[index].id, id.data, length) == 0) return tables[index].table;
    }
    return NULL;
}

int32_t gateway_plugin_v1(gateway_negotiation_t *negotiation) {
    if (negotiation == NULL) return GATEWAY_INVALID_ARGUMENT;
    if (negotiation->host_level_min != GATEWAY_LEVEL) return GATEWAY_NOT_SUPPORTED;
    host = negotiation->host;
    completion = negotiation->host_interface(host, text(GATEWAY_COMPLETE));
    calling = negotiation->host_interface(host, text(GATEWAY_CALL));
    IN_ENTRY
    negotiation->level = GATEWAY_LEVEL;
    negotiation->plugin_interface = find;
    (void)never_set, (void)calling;
    return GATEWAY_OK;
}
