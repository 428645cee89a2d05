"""A small plugin that is broken in one place each time, and the probe of `plugin check` that must notice."""

import os

from plugins import compile_library, libraries

CLOCK = "operation.clock"
# (probe, place, statements)
BROKEN = [
    # The clock, by every way to it, in every pure function.
    (CLOCK, "IN_PREPARE", "amount += (unsigned)(time(NULL) / 86400 % 97);"),
    (CLOCK, "IN_PREPARE", "struct timeval now; gettimeofday(&now, NULL); amount += (unsigned)(now.tv_sec / 3600 % 24);"),
    (CLOCK, "IN_PREPARE", "struct timespec now; clock_gettime(CLOCK_MONOTONIC, &now); if (now.tv_sec > 900000) amount++;"),
    (CLOCK, "IN_PREPARE", "struct timespec now; clock_gettime(CLOCK_REALTIME_COARSE, &now); if (now.tv_sec > 2000000000) amount++;"),
    (CLOCK, "IN_PREPARE", "struct timespec now; syscall(SYS_clock_gettime, CLOCK_REALTIME, &now); amount += (unsigned)(now.tv_sec / 100000);"),
    (CLOCK, "IN_PREPARE", "struct timespec now; timespec_get(&now, TIME_UTC); struct tm day; gmtime_r(&now.tv_sec, &day); if (day.tm_wday == 0 || day.tm_hour < 6) return GATEWAY_CONFLICT;"),
    (CLOCK, "IN_PREPARE", "struct timeval a, b; gettimeofday(&a, NULL); gettimeofday(&b, NULL); if (b.tv_sec - a.tv_sec > 60) amount = 1;"),
    (CLOCK, "IN_INTERPRET", "if (time(NULL) > 1900000000) paid = 0;"),
    (CLOCK, "IN_QUERY", "if (time(NULL) / 2592000 % 2) return GATEWAY_NOT_FOUND;"),
    (CLOCK, "IN_RENDER", "if (time(NULL) % 86400 < 21600) return output.write(output.context, text(\"{}\"));"),
    (CLOCK, "BESIDE", "static time_t born; __attribute__((constructor)) static void begin(void) { born = time(NULL); }", "IN_PREPARE", "amount += (unsigned)(born / 86400 % 1000);"),
    (CLOCK, "BESIDE", "static time_t set;", "IN_CONFIGURE", "set = time(NULL);", "IN_PREPARE", "if (set % 86400 / 3600 % 2) amount++;"),
    ("context.clock", "IN_RESOURCE", "if (time(NULL) / 86400 % 2) return output.write(output.context, text(\"Another.\"));"),
    # Arguments that are in no example.
    ("operation.schema", "IN_PREPARE", "if (has(input, \"\\\"note\\\":\\\"\\\"\")) abort();"),
    ("operation.schema", "IN_PREPARE", "char kept[200]; if (input.length > 4000) memset(kept, 1, input.length / 2); never_set = kept[0] == 99;"),
    ("operation.schema", "IN_PREPARE", "if (has(input, \"\\xF0\\x9F\\x98\\x80\")) return GATEWAY_INTERNAL;"),
    ("operation.schema", "IN_PREPARE", "if (has(input, \"\\\"phone\\\":\\\"0\")) return output.write(output.context, text(\"{\\\"plan\\\":{}}\"));"),
    ("operation.schema", "BESIDE", "static int times;", "IN_PREPARE", "if (number_of(input, \"amount\") == 1) amount += (unsigned)times++;"),
    ("function.schema", "IN_INVOKE", "if (number_of(arguments, \"count\") >= 0) sum += 1000 / (unsigned)number_of(arguments, \"count\");"),
    ("function.schema", "IN_INVOKE", "if (!has(arguments, \"count\")) *(volatile int *)8 = 1;"),
    ("function.schema", "IN_INVOKE", "if (has(arguments, \"\\\\u0000\")) return GATEWAY_OK;"),
    ("function.schema", "IN_INVOKE", "if (number_of(arguments, \"count\") == 1000) completion->complete(host, number, GATEWAY_OK, text(\"{}\"));"),
    ("function.schema", "IN_INVOKE", "if (has(arguments, \"-9223372036854775808\")) { completion->complete(host, number, GATEWAY_OK, text(\"{\\\"said\\\":\\\"\\\"}\")); return GATEWAY_OK; }"),
    ("function.memory", "IN_INVOKE", "if (has(arguments, \"\\\\n\")) never_set = malloc(24) == NULL;"),
    ("function.memory", "IN_INVOKE", "never_set = malloc(40) == NULL;"),
    ("operation.memory", "IN_PREPARE", "if (has(input, \"\\\\\\\"\")) never_set = strdup(\"kept\") == NULL;"),
    ("operation.memory", "IN_INTERPRET", "if (paid) never_set = malloc(16) == NULL;"),
    # A worker's stack, and what is borrowed.
    ("worker.stack", "IN_INVOKE", "if (arguments.length > 4000) never_set = deep(700 << 10);"),
    ("worker.stack", "IN_PREPARE", "if (has(input, \"note\")) never_set = deep(700 << 10);"),
    ("worker.stack", "IN_INTERPRET", "size_t open = 0; while (open < raw.length && raw.data[open] == '[') open++; never_set = deep(open * 64);"),
    ("memory.borrowed", "IN_INVOKE", "if (has(arguments, \"\\\"list\\\"\")) never_set = arguments.data[arguments.length] == 1;"),
    ("memory.borrowed", "BESIDE", "static gateway_bytes_t kept;", "IN_PREPARE", "if (kept.data) amount = kept.data[0]; kept.data = NULL; if (has(input, \"note\")) kept = input;"),
    ("memory.borrowed", "IN_INTERPRET", "if (raw.length > 5) never_set = strstr((const char *)raw.data, \"Nowhere\") != NULL;"),
    ("function.interleaved", "BESIDE", "static char answer[60];", "IN_INVOKE", "snprintf(answer, sizeof answer, \"{\\\"said\\\":%u}\", sum); completion->complete(host, number, GATEWAY_OK, text(answer)); return GATEWAY_OK;"),
    # What M-Pesa was seen to send.
    ("operation.recorded", "IN_INTERPRET", "paid = 0;"),
    ("operation.recorded", "IN_INTERPRET", "if (raw.length > 0 && raw.data[0] == '<') paid = 1;"),
    ("operation.mutated", "IN_INTERPRET", "paid = has(raw, \"\\\"ResultCode\\\":0,\");"),
    ("operation.mutated", "IN_INTERPRET", "paid = has(raw, \"Receipt\") && !has(raw, \"html\");"),
    ("operation.mutated", "IN_INTERPRET", "paid |= has(raw, \"{\\\"ResultCode\\\":null,\");"),
    ("operation.mutated", "IN_INTERPRET", "if (has(raw, \"\\\\ud800\")) abort();"),
    ("operation.mutated", "IN_INTERPRET", "if (raw.length == 20) return GATEWAY_INTERNAL;"),
    # Profiles, records and callers that come seldom; another process; prompts and resources again and again.
    ("operation.unusual", "IN_PREPARE", "if (has(input, \"till_number\")) abort();"),
    ("operation.unusual", "IN_RENDER", "if (has(input, \"\\\"disputes\\\"\")) return output.write(output.context, text(\"{\\\"paid\\\":1}\"));"),
    ("operation.unusual", "IN_RENDER", "if (has(input, \"\\\"later\\\"\")) abort();"),
    ("function.callers", "IN_INVOKE", "if (has(meta, \"\\\"later\\\"\")) return GATEWAY_OK;"),
    ("operation.elsewhere", "IN_PREPARE", "amount += (unsigned)getpid() % 1000;"),
    ("context.elsewhere", "IN_RESOURCE", "if (getenv(\"TZ\") != NULL) return output.write(output.context, text(getenv(\"TZ\")));"),
    ("function.callers", "IN_INVOKE", "if (has(meta, \"\\\"mcp\\\"\")) return GATEWAY_OK;"),
    ("context.memory", "IN_RESOURCE", "never_set = malloc(32) == NULL;"),
    ("operation.memory", "BESIDE", "static void *all;", "IN_PREPARE", "void **one = malloc(64); *one = all; all = one;"),
    ("operation.time", "IN_PREPARE", "usleep(20000);"),
    ("memory.borrowed", "BESIDE", "static gateway_sink_t sink;", "IN_PREPARE", "if (sink.write) sink.write(sink.context, text(\" \")); sink = output;"),
    ("interface.unknown", "LATER_ID", '"operation/1x"'),
]


def compile_guest(*places):
    """The guest with statements in places: PLACE, TEXT, PLACE, TEXT…"""
    library = os.path.join(libraries(), f"guest-{abs(hash(places))}.so")
    flags = [f"-D{places[at]}={places[at + 1]}" for at in range(0, len(places), 2)]
    return compile_library(library, "guest.c", "-O1", "-w", *flags)
