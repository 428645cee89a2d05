/*
 * A plugin in plain C: one function tool, hello_greet. `make` builds hello.so.
 *
 * The host reads the manifest, calls gateway_plugin_v1 once, asks for the catalogue, and then calls `invoke` whenever
 * somebody uses the tool, from several threads at once. include/gateway/plugin.h is where to start reading.
 */
#include "gateway/function.h"
#include "gateway/plugin.h"
#include "json.h"

/* Who this is, readable without running it. Id and version are those of the catalogue below. */
__attribute__((section(GATEWAY_MANIFEST_SECTION), used, retain)) static const gateway_manifest_t manifest = {
    .magic = GATEWAY_MANIFEST_MAGIC,
    .revision = 1,
    .level_min = GATEWAY_LEVEL,
    .level_max = GATEWAY_LEVEL,
    .id = "hello",
    .version = "0.1.0",
    .runtime = "c",
};

/* What the host tells callers and models. docs/abi.md lists every member. */
static const char catalogue[] =
    "{\"plugin\": {\"id\": \"hello\", \"version\": \"0.1.0\", \"title\": \"A first plugin\"},"
    " \"tools\": [{"
    "   \"name\": \"hello_greet\", \"kind\": \"function\", \"title\": \"Greet somebody\","
    "   \"description\": \"Greets somebody by name.\","
    "   \"examples\": [{\"title\": \"Amina\", \"arguments\": {\"name\": \"Amina\"}}],"
    "   \"input_schema\": {\"type\": \"object\", \"properties\": {"
    "     \"name\": {\"type\": \"string\", \"minLength\": 1, \"maxLength\": 100, \"description\": \"Whom to greet.\"}},"
    "     \"required\": [\"name\"], \"additionalProperties\": false},"
    "   \"output_schema\": {\"type\": \"object\", \"properties\": {\"greeting\": {\"type\": \"string\"}},"
    "     \"required\": [\"greeting\"], \"additionalProperties\": false},"
    "   \"annotations\": {\"read_only\": true, \"destructive\": false, \"idempotent\": true, \"open_world\": false,"
    "     \"money_moving\": false}}],"
    " \"operations\": [], \"needs\": {}}";

static void *host;
static const gateway_complete_t *completion;

static gateway_bytes_t bytes(const char *text) {
    gateway_bytes_t view = {(const uint8_t *)text, strlen(text)};
    return view;
}

static int is(gateway_bytes_t id, const char *text) {
    return id.length == strlen(text) && memcmp(id.data, text, id.length) == 0;
}

static int32_t describe(void *plugin, gateway_sink_t output) {
    (void)plugin;
    return output.write(output.context, bytes(catalogue));
}

static int32_t configure(void *plugin, gateway_bytes_t settings, gateway_sink_t reason) {
    (void)plugin, (void)settings, (void)reason;
    return GATEWAY_OK;
}

/* The tool. It may complete here, or later from a thread of its own, but exactly once. */
static int32_t invoke(void *plugin, uint64_t invocation, uint32_t tool, gateway_bytes_t arguments,
                      gateway_bytes_t meta) {
    (void)plugin, (void)meta;
    if (tool != 0) return GATEWAY_NOT_SUPPORTED;
    char name[512], greeting[600], quoted[4096], output[4200];
    if (json_text(arguments, "name", name, sizeof name) < 0) return GATEWAY_INVALID_ARGUMENT;
    snprintf(greeting, sizeof greeting, "Karibu, %s!", name);
    if (json_quote(quoted, sizeof quoted, greeting) == 0) return GATEWAY_TOO_LARGE;
    snprintf(output, sizeof output, "{\"greeting\":%s}", quoted);
    completion->complete(host, invocation, GATEWAY_OK, bytes(output));
    return GATEWAY_OK;
}

/* What this plugin offers; anything else is answered with null. */
static const void *find(void *plugin, gateway_bytes_t id) {
    static const gateway_lifecycle_t lifecycle = {describe, configure};
    static const gateway_invoke_t functions = {invoke};
    (void)plugin;
    if (is(id, GATEWAY_LIFECYCLE)) return &lifecycle;
    if (is(id, GATEWAY_INVOKE)) return &functions;
    return NULL;
}

GATEWAY_EXPORT int32_t gateway_plugin_v1(gateway_negotiation_t *negotiation) {
    if (negotiation == NULL) return GATEWAY_INVALID_ARGUMENT;
    if (negotiation->host_level_min > GATEWAY_LEVEL || negotiation->host_level_max < GATEWAY_LEVEL) {
        return GATEWAY_NOT_SUPPORTED;
    }
    host = negotiation->host;
    completion = (const gateway_complete_t *)negotiation->host_interface(host, bytes(GATEWAY_COMPLETE));
    if (completion == NULL) return GATEWAY_NOT_SUPPORTED;
    negotiation->level = GATEWAY_LEVEL;
    negotiation->plugin_interface = find;
    return GATEWAY_OK;
}
