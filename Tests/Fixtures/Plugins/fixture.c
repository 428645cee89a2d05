/*
 * A plugin in plain C99, with nothing but the protocol's headers: an operation tool that mirrors STK push in miniature
 * and a function tool. The tests compile it with -D flags to make it break one rule at a time; without any it is good.
 */
#include "PluginAPI.h"
#include "fixture_defaults.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef NO_MANIFEST
__attribute__((section(GATEWAY_MANIFEST_SECTION), used, retain)) static const gateway_manifest_t manifest = {
    .magic = GATEWAY_MANIFEST_MAGIC,
    .revision = 1,
    .level_min = FIXTURE_LEVEL,
    .level_max = FIXTURE_LEVEL,
    .flags = MANIFEST_FLAGS,
    .id = MANIFEST_ID,
    .version = MANIFEST_VERSION,
    .runtime = MANIFEST_RUNTIME,
    .sdk = "",
};
#endif

#define ANY "{\"type\":\"object\",\"properties\":{\"echo\":{},\"version\":{},\"transaction_id\":{}},\"additionalProperties\":false}"
#define ANNOTATIONS(money)                                                                                           \
    "{\"read_only\":" FIXTURE_READ_ONLY ",\"destructive\":false,\"idempotent\":false,\"open_world\":false,\"money_moving\":" money "}"

static const char catalogue[] =
#ifdef BAD_CATALOGUE
    "this is not JSON";
#else
    "{\"plugin\":{\"id\":\"" FIXTURE_ID "\",\"version\":\"" FIXTURE_VERSION "\",\"title\":\"Fixture\"},\"tools\":["
    "{\"name\":\"" FIXTURE_TOOL "\",\"kind\":\"operation\",\"operation\":\"collect\",\"title\":\"Collect\","
    "\"description\":\"Collects.\",\"examples\":[{\"title\":\"One\",\"arguments\":" FIXTURE_EXAMPLE "}],"
    "\"input_schema\":" FIXTURE_SCHEMA ",\"output_schema\":" ANY ",\"annotations\":" ANNOTATIONS(FIXTURE_MONEY) ",\"rate\":" FIXTURE_RATE ","
    "\"requires\":{\"features\":" FIXTURE_FEATURES ",\"approval\":" FIXTURE_APPROVAL "},"
    "\"http\":{\"method\":\"" FIXTURE_METHOD "\",\"path\":\"" FIXTURE_PATH "\"}},"
    "{\"name\":\"fixture_echo\",\"kind\":\"function\",\"title\":\"Echo\",\"description\":\"Echoes.\","
    "\"examples\":[{\"title\":\"At once\",\"arguments\":{\"how\":\"inline\"}}],"
    "\"input_schema\":" FIXTURE_ECHO ",\"output_schema\":" ANY ",\"annotations\":" ANNOTATIONS(FIXTURE_ECHO_MONEY) ","
    "\"sensitive\":" FIXTURE_SENSITIVE "}],"
    "\"operations\":[{\"name\":\"collect\",\"direction\":\"" FIXTURE_DIRECTION "\",\"upstream\":\"daraja\",\"path\":\"/collect\","
    "\"callbacks\":[{\"name\":\"result\",\"pointer\":\"/CallBackURL\"}],"
    "\"secrets\":[{\"transform\":\"" FIXTURE_SECRET "\",\"pointer\":\"/Password\",\"inputs\":{}}]}],"
    "\"needs\":{\"upstreams\":[{\"name\":\"daraja\",\"paths\":[\"" FIXTURE_NEEDS "\"]}],"
    "\"secrets\":[\"" FIXTURE_SECRET "\"]}}";
#endif

static void *host;
static const gateway_complete_t *completion;
static const void *(*services)(void *host, gateway_bytes_t id);

static gateway_bytes_t text(const char *text) {
    gateway_bytes_t bytes = {(const uint8_t *)text, strlen(text)};
    return bytes;
}

static int32_t describe(void *plugin, gateway_sink_t sink) {
    (void)plugin;
#ifdef UNSTABLE
    static int times;
    if (times++ > 0) sink.write(sink.context, text(" "));
#endif
    return sink.write(sink.context, text(catalogue));
}

static int32_t configure(void *plugin, gateway_bytes_t settings, gateway_sink_t reason) {
    (void)plugin;
    (void)settings;
#ifdef PRINTS
    puts("configured");
    fflush(stdout);
#endif
#ifdef CRASHES_ON_SETTINGS
    if (settings.length == 0) abort();
#endif
#ifdef REFUSE_SETTINGS
    reason.write(reason.context, text("the setting colour is missing"));
    return GATEWAY_INVALID_ARGUMENT;
#else
    (void)reason;
    return GATEWAY_OK;
#endif
}

static int32_t selftest(void *plugin, gateway_sink_t reason) {
    (void)plugin;
#ifdef FAIL_SELFTEST
    reason.write(reason.context, text("two and two are five"));
    return GATEWAY_INTERNAL;
#else
    (void)reason;
    return GATEWAY_OK;
#endif
}

static int holds(gateway_bytes_t bytes, const char *word) {
    return memmem(bytes.data, bytes.length, word, strlen(word)) != NULL;
}

static int is(gateway_bytes_t id, const char *name) {
    return id.length == strlen(name) && memcmp(id.data, name, id.length) == 0;
}

static int32_t refused(gateway_sink_t output, const char *what) {
    char answer[160];
    snprintf(answer, sizeof answer, "{\"refusal\":{\"code\":\"conflict\",\"message\":\"%s\"}}", what);
    return output.write(output.context, text(answer));
}

static volatile int never_set;

/* A number from 1000 to 9999 that other bytes mostly do not have. */
static unsigned digest(gateway_bytes_t bytes) {
    unsigned sum = 7;
    for (uint64_t index = 0; index < bytes.length; index++) sum = sum * 31 + bytes.data[index];
    return 1000 + sum % 9000;
}

static void spin(long milliseconds) {
    struct timespec start, now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
    do {
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    } while ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 < milliseconds);
}

static int overflow(int depth) {
    volatile char block[4096];
    block[0] = (char)depth;
    return depth < 0 ? 0 : overflow(depth + 1) + block[0];
}

/* What a plugin must not do, when the input asks for it: "do-NAME". With -DCLEAN it knows none of it. */
static int misbehave(gateway_bytes_t input, gateway_sink_t output, int32_t *status) {
    *status = GATEWAY_OK;
#ifndef CLEAN
    if (holds(input, "do-segfault")) *(volatile int *)8 = 1;
    if (holds(input, "do-abort")) abort();
    if (holds(input, "do-exit")) exit(7);
    if (holds(input, "do-overflow")) never_set = overflow(0);
    while (holds(input, "do-loop") && !never_set) {
    }
    /* Without a look at what malloc gave, as most code does it. */
    for (long size = holds(input, "do-leak") ? 8192 : holds(input, "do-hoard") ? 48 << 20 : 0; size > 0;) {
        char *block = malloc((size_t)size);
        *(char *volatile *)&block[0] = block;
    }
    if (holds(input, "do-allocate")) {
        char *block = malloc((size_t)1 << 30);
        *status = refused(output, block == NULL ? "no memory" : "memory");
        free(block);
        return 1;
    }
    if (holds(input, "do-socket")) {
        int descriptor = socket(AF_INET, SOCK_STREAM, 0);
        *status = refused(output, descriptor < 0 ? "no socket" : "socket");
        return 1;
    }
    if (holds(input, "do-fork")) {
        pid_t child = fork();
        if (child == 0) _exit(0);
        *status = refused(output, child < 0 ? "no child" : "child");
        return 1;
    }
    if (holds(input, "do-read-file")) {
        int descriptor = open("/etc/passwd", O_RDONLY);
        *status = refused(output, descriptor < 0 ? "no file" : "file");
        return 1;
    }
    if (holds(input, "do-write-file")) {
        int descriptor = open("/tmp/fixture-was-here", O_WRONLY | O_CREAT, 0600);
        *status = refused(output, descriptor < 0 ? "no file" : "file");
        return 1;
    }
    if (holds(input, "do-signal")) {
        *status = refused(output, kill(getppid(), 0) < 0 ? "no signal" : "signal");
        return 1;
    }
    if (holds(input, "do-environment")) {
        *status = refused(output, environ == NULL || environ[0] == NULL ? "empty" : "full");
        return 1;
    }
#endif
    return 0;
}

static int32_t prepare(void *plugin, uint32_t tool, gateway_bytes_t input, gateway_sink_t output) {
    (void)plugin;
#ifndef ANY_INDEX
    if (tool != 0) return GATEWAY_NOT_SUPPORTED;
#endif
#ifdef TRUSTS_INPUT
    if (input.length < 5) abort();
#endif
#ifdef CALLS_HOST
    ((const gateway_clock_t *)services(host, text(GATEWAY_CLOCK)))->now_ms(host);
#endif
#ifdef SLOW
    spin(3);
#endif
#ifdef READS_PAST_THE_END
    never_set = ((const volatile uint8_t *)input.data)[input.length] == 1 ? 0 : never_set;
#endif
#ifdef WANTS_STACK
    volatile char deep[700 << 10];
    for (size_t at = 0; at < sizeof deep; at += 1024) deep[at] = 1;
#endif
#ifdef STATIC_PLAN
    static char plan[120];
    snprintf(plan, sizeof plan, "{\"plan\":{\"intent\":{\"amount\":%u},\"request\":{\"body\":{}}}}", digest(input));
    return output.write(output.context, text(plan));
#endif
#ifdef LEAKS
    memset(malloc(8192), 1, 8192);
#endif
#ifdef IMPURE
    static int times;
    char counted[200];
    snprintf(counted, sizeof counted, "{\"plan\":{\"intent\":{\"amount\":%d},\"request\":{\"body\":{}}}}", ++times);
    return output.write(output.context, text(counted));
#endif
#ifdef KNOWS_ITS_PLACE
    char placed[200];
    snprintf(placed, sizeof placed, "{\"plan\":{\"intent\":{},\"request\":{\"body\":{\"A\":\"%p\"}}}}", (void *)&host);
    return output.write(output.context, text(placed));
#endif
#ifdef KEEPS_ARGUMENTS
    static gateway_bytes_t kept;
    static int length;
    if (kept.data == NULL) kept = input;
    char shown[200];
    length = kept.data[0];
    snprintf(shown, sizeof shown, "{\"plan\":{\"intent\":{\"amount\":%d},\"request\":{\"body\":{}}}}", length);
    return output.write(output.context, text(shown));
#endif
#ifdef IGNORES_SINK
    output.write(output.context, text("{\"plan\":{\"intent\":{},\"request\":{\"body\":{}}}}"));
    return GATEWAY_OK;
#endif
#if defined(CRASH)
    abort();
#elif defined(LOOP)
    while (!never_set) {
    }
#endif
    int32_t status;
    if (misbehave(input, output, &status)) return status;
#if defined(BAD_PLAN)
    return output.write(output.context, text("{\"plan\":{\"intent\":[]}}"));
#elif defined(HUGE_PLAN)
    static uint8_t block[1 << 20];
    gateway_bytes_t bytes = {block, sizeof block};
    for (int index = 0; index < 5; index++) {
        if (output.write(output.context, bytes) != GATEWAY_OK) return GATEWAY_TOO_LARGE;
    }
    return GATEWAY_OK;
#else
    return output.write(output.context, text("{\"plan\":{\"intent\":{\"amount\":7,\"party\":\"254700000001\"},"
                                             "\"request\":{\"headers\":{},\"body\":{\"A\":\"7\"}}}}"));
#endif
}

static int32_t interpret(void *plugin, uint32_t operation, gateway_bytes_t input, gateway_bytes_t raw,
                         gateway_sink_t output) {
    (void)plugin;
    (void)input;
    if (operation != 0) return GATEWAY_NOT_SUPPORTED;
#ifdef REFUSES_RUBBISH
    if (raw.length == 0 || raw.data[0] != '{') return GATEWAY_INVALID_ARGUMENT;
#endif
#ifdef CRASHES_ON_RUBBISH
    if (raw.length == 0 || raw.data[0] != '{') abort();
#endif
    const char *verdict = raw.length > 0 && raw.data[0] == 'P' ? "succeeded" : "unknown";
    char answer[128];
    snprintf(answer, sizeof answer, "{\"evidence\":{\"verdict\":\"%s\",\"receipt\":\"R1\",\"amount\":7}}", verdict);
    return output.write(output.context, text(answer));
}

static int32_t query(void *plugin, uint32_t operation, gateway_bytes_t input, gateway_sink_t output) {
    (void)plugin;
    (void)input;
    if (operation != 0) return GATEWAY_NOT_SUPPORTED;
    return output.write(output.context, text("{\"none\":true}"));
}

static int32_t render(void *plugin, uint32_t tool, gateway_bytes_t input, gateway_sink_t output) {
    (void)plugin;
    (void)input;
    if (tool != 0) return GATEWAY_NOT_SUPPORTED;
#ifdef HUGE_RENDERING
    while (output.write(output.context, text("      .      .      .      .      .      .      .      .")) == GATEWAY_OK) {}
    return GATEWAY_TOO_LARGE;
#endif
#ifdef BROKEN_RENDERING
    return output.write(output.context, text("{\"transaction_id\":"));
#endif
#ifdef BAD_RENDERING
    return output.write(output.context, text("{\"surprise\":1}"));
#endif
    return output.write(output.context, text("{\"transaction_id\":\"x\"}"));
}

static void *complete_later(void *number) {
    completion->complete(host, (uint64_t)(uintptr_t)number, GATEWAY_OK, text("{\"echo\":\"thread\"}"));
    return NULL;
}

static int32_t invoke(void *plugin, uint64_t number, uint32_t tool, gateway_bytes_t arguments, gateway_bytes_t meta) {
    (void)plugin;
#ifndef ANY_TOOL
    if (tool != 1) return GATEWAY_NOT_SUPPORTED;
#endif
#ifdef CRASHES_ON_ARGUMENTS
    if (arguments.length == 0 || arguments.data[0] != '{') abort();
#endif
#ifdef NEVER
    return GATEWAY_OK;
#endif
#ifdef SLOW_INVOKE
    spin(80);
#endif
#ifdef DROPS
    static int times;
    if (__atomic_add_fetch(&times, 1, __ATOMIC_SEQ_CST) % 100 == 0) return GATEWAY_OK;
#endif
#ifdef TWICE
    completion->complete(host, number, GATEWAY_OK, text("{\"echo\":\"once\"}"));
#endif
#ifdef BAD_OUTPUT
    completion->complete(host, number, GATEWAY_OK, text("{\"surprise\":1}"));
    return GATEWAY_OK;
#endif
#ifdef STATIC_ANSWER
    static char answer[40];
    snprintf(answer, sizeof answer, "{\"echo\":%u}", digest(arguments));
    completion->complete(host, number, GATEWAY_OK, text(answer));
    return GATEWAY_OK;
#endif
#ifdef ASKS_AGAIN
    if (holds(meta, "x-task")) return completion->complete(host, number, GATEWAY_ACCEPTED, text("{\"x-task\":{}}"));
#endif
    int32_t status;
    gateway_sink_t nowhere = {NULL, NULL};
    misbehave(arguments, nowhere, &status);
    if (holds(arguments, "long") && (holds(meta, "\"offered\"") || holds(arguments, "unasked"))) {
        completion->complete(host, number, GATEWAY_ACCEPTED, text("{\"x-task\":{},\"message\":\"It takes long.\"}"));
    } else if (holds(arguments, "long") && holds(arguments, "never")) {
        return GATEWAY_OK;
    } else if (holds(arguments, "long")) {
        completion->complete(host, number, GATEWAY_OK, text(holds(meta, "\"x-task\"") ? "{\"echo\":\"task\"}" : "{}"));
    } else if (holds(arguments, "thread")) {
        pthread_t thread;
        pthread_create(&thread, NULL, complete_later, (void *)(uintptr_t)number);
        pthread_detach(thread);
    } else if (holds(arguments, "never")) {
        return GATEWAY_OK;
    } else if (holds(arguments, "steal-")) {
        const char *digits = memmem(arguments.data, arguments.length, "steal-", 6);
        completion->complete(host, strtoull(digits + 6, NULL, 10), GATEWAY_OK, text("{\"echo\":\"stolen\"}"));
        completion->complete(host, number, GATEWAY_OK, text("{\"echo\":\"thief\"}"));
    } else if (holds(arguments, "refuse")) {
        return GATEWAY_CONFLICT;
    } else {
        completion->complete(host, number, GATEWAY_OK, text("{\"echo\":\"inline\",\"version\":\"" FIXTURE_VERSION "\"}"));
        if (holds(arguments, "twice")) {
            int32_t status = completion->complete(host, number, GATEWAY_OK, text("{\"echo\":\"again\"}"));
            if (status != GATEWAY_ALREADY_COMPLETED) abort();
            if (completion->complete(host, 5, GATEWAY_OK, text("{}")) != GATEWAY_UNKNOWN_INVOCATION) abort();
        }
    }
    return GATEWAY_OK;
}

static const gateway_lifecycle_t lifecycle_table = {describe, configure};
static const gateway_selftest_t selftest_table = {selftest};
#ifdef NULL_FUNCTION
static const gateway_operation_t operation_table = {prepare, interpret, query, NULL};
#else
static const gateway_operation_t operation_table = {prepare, interpret, query, render};
#endif
static const gateway_invoke_t invoke_table = {invoke};

static const void *find(void *plugin, gateway_bytes_t id) {
    (void)plugin;
#ifdef ANSWERS_ANYTHING
    if (holds(id, "/9")) return &lifecycle_table;
#endif
#ifdef MOVES_TABLES
    if (is(id, GATEWAY_LIFECYCLE)) {
        gateway_lifecycle_t *moved = malloc(sizeof *moved);
        *moved = lifecycle_table;
        return moved;
    }
#endif
#ifndef NO_LIFECYCLE
    if (is(id, GATEWAY_LIFECYCLE)) return &lifecycle_table;
#endif
    if (is(id, GATEWAY_SELFTEST)) return &selftest_table;
    if (is(id, GATEWAY_OPERATION)) return &operation_table;
    if (is(id, GATEWAY_INVOKE)) return &invoke_table;
    return NULL;
}

#ifdef ENTRY_OF_LEVEL_2
GATEWAY_EXPORT int gateway_plugin_v2(void) { return GATEWAY_NOT_SUPPORTED; }
#endif

#ifdef TWO_EXPORTS
GATEWAY_EXPORT int another_symbol(void) {
    return 1;
}
#endif

int32_t gateway_plugin_v1(gateway_negotiation_t *negotiation) {
#ifdef TRUSTS_THE_HOST
    if (negotiation == NULL) return GATEWAY_OK;
#else
    if (negotiation == NULL) return GATEWAY_INVALID_ARGUMENT;
    if (negotiation->host_level_min != GATEWAY_LEVEL) return GATEWAY_NOT_SUPPORTED;
#endif
#ifdef CLAIMS_A_NAME
    if (getenv("FIXTURE_WAS_HERE") != NULL) return GATEWAY_CONFLICT;
    setenv("FIXTURE_WAS_HERE", "1", 1);
#endif
    services = negotiation->host_interface;
    host = negotiation->host;
    completion = negotiation->host_interface(host, text(GATEWAY_COMPLETE));
    if (negotiation->host_interface(host, text("no-such-thing/9")) != NULL) return GATEWAY_INTERNAL;
#ifdef LOOPS_AT_ENTRY
    for (volatile int forever = 1; forever;) {}
#endif
    negotiation->level = CHOSEN_LEVEL;
    negotiation->plugin_interface = find;
#ifdef REFUSE
    negotiation->refused = 1;
    negotiation->refusal_reason = text("it is Monday");
#endif
    return GATEWAY_OK;
}
