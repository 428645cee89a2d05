/*
 * The small good plugin guest.c, and beside it what authors get wrong without meaning to: each variant is one mistake, at
 * the place where its kind is easily overlooked. `plugin check` must find every one of them.
 *
 * All variants stand in one library. Which of them lives is written into `chosen` afterwards, in the file, so that it is
 * compiled once. A kind is named by what it breaks: kept and buffer, clock, crash, loop, leak, stack.
 */
#include "PluginAPI.h"

#include <ctype.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/times.h>

#define GO_ON (-1)

enum place { ENTRY = 1, CONFIGURE = 2, PREPARE = 4, INTERPRET = 8, QUERY = 16, RENDER = 32, INVOKE = 64, RESOURCE = 128 };

/* Where a variant is asked to do its harm, and with what. */
struct spot {
    enum place place;
    gateway_bytes_t input, other; /* `other` is interpret's raw bytes, and invoke's meta */
    unsigned *number;             /* what the answer says */
    int *paid;
    gateway_sink_t output;
    uint64_t call;
    gateway_negotiation_t *negotiation;
};

struct variant {
    const char *name;
    unsigned places;
    int32_t (*act)(struct spot *at);
    struct variant *next;
};

/* Written by whoever makes a variant of the file. */
static const volatile char chosen[48] = "variant:none";

static struct variant *variants;

static int32_t visit(struct spot *at);

#define LOOK(where, ...)                                                                                               \
    do {                                                                                                               \
        int32_t seen = visit(&(struct spot){.place = where, __VA_ARGS__});                                             \
        if (seen != GO_ON) return seen;                                                                                \
    } while (0);
#define IN_ENTRY LOOK(ENTRY, .negotiation = negotiation)
#define IN_CONFIGURE LOOK(CONFIGURE, .input = settings)
#define IN_PREPARE LOOK(PREPARE, .input = input, .number = &amount, .output = output)
#define IN_INTERPRET LOOK(INTERPRET, .input = input, .other = raw, .paid = &paid, .output = output)
#define IN_QUERY LOOK(QUERY, .input = input, .output = output)
#define IN_RENDER LOOK(RENDER, .input = input, .output = output)
#define IN_INVOKE LOOK(INVOKE, .input = arguments, .other = meta, .number = &sum, .call = number)
#define IN_RESOURCE LOOK(RESOURCE, .output = output)
#define NEEDS ",\"collections\":[\"notes\"]"

#include "guest.c"

static int32_t visit(struct spot *at) {
    for (const struct variant *one = variants; one != NULL; one = one->next) {
        if ((one->places & at->place) == 0) continue;
        size_t length = 0;
        while (one->name[length] != 0 && one->name[length] == chosen[8 + length]) length++;
        if (one->name[length] == 0 && chosen[8 + length] == 0) return one->act(at);
    }
    return GO_ON;
}

#define VARIANT(kind, name, places)                                                                                    \
    static int32_t kind##_##name(struct spot *at);                                                                     \
    __attribute__((constructor)) static void add_##kind##_##name(void) {                                               \
        static struct variant variant = {#kind "." #name, places, kind##_##name, NULL};                                \
        variant.next = variants;                                                                                       \
        variants = &variant;                                                                                           \
    }                                                                                                                  \
    static int32_t kind##_##name(struct spot *at)

/* Answers a text made by a format. */
static int32_t say(struct spot *at, const char *format, ...) {
    char said[600];
    va_list rest;
    va_start(rest, format);
    vsnprintf(said, sizeof said, format, rest);
    va_end(rest);
    return at->output.write(at->output.context, text(said));
}

/* Changes what is answered, at whatever place. */
static int32_t shift(struct spot *at, unsigned by) {
    if (at->number != NULL) *at->number += by;
    if (at->place == INTERPRET && by % 2 == 1) return say(at, "{\"evidence\":{\"verdict\":\"pending\"}}");
    if (at->place == QUERY && by % 2 == 1) return GATEWAY_NOT_SUPPORTED;
    if (at->place == RENDER) return say(at, "{\"state\":\"%u\"}", by);
    if (at->place == RESOURCE) return say(at, "A text of %u.", by);
    return GO_ON;
}

/* Reads of what was lent. */
static void look(gateway_bytes_t bytes) { never_set = bytes.length > 0 && bytes.data[bytes.length / 2] == 1; }
static int is_long(gateway_bytes_t bytes) { return bytes.length > 3000; }
static void complete(uint64_t call, const char *payload) { completion->complete(host, call, GATEWAY_OK, text(payload)); }
static void refuse(struct spot *at, char *into, size_t size) {
    snprintf(into, size, "{\"refusal\":{\"code\":\"invalid_argument\",\"field\":\"/amount\",\"message\":\"No %u.\"}}",
             *at->number);
}

static gateway_bytes_t kept;
static __thread gateway_bytes_t kept_here;
static void *state;
static int times_called;

/* ---- Borrowed memory that is looked at after the call (M1). */

VARIANT(kept, input_for_the_next_call, PREPARE) {
    look(kept);
    kept = at->input;
    return GO_ON;
}
VARIANT(kept, raw_until_render, INTERPRET | RENDER) {
    if (at->place == INTERPRET) return kept = at->other, GO_ON;
    look(kept);
    return GO_ON;
}
VARIANT(kept, in_a_thread_local, INTERPRET) {
    look(kept_here);
    kept_here = at->input;
    return GO_ON;
}
VARIANT(kept, in_a_list_on_the_heap, INVOKE) {
    struct node { struct node *next; gateway_bytes_t bytes; } *node = malloc(sizeof *node);
    node->next = times_called++ % 8 == 0 ? NULL : state;
    node->bytes = at->input;
    state = node;
    for (; node != NULL; node = node->next) look(node->bytes);
    return GO_ON;
}
VARIANT(kept, settings, CONFIGURE | PREPARE) {
    if (at->place == CONFIGURE) return kept = at->input, GO_ON;
    look(kept);
    return GO_ON;
}
VARIANT(kept, only_long_ones, PREPARE) {
    look(kept);
    if (is_long(at->input)) kept = at->input;
    return GO_ON;
}
VARIANT(kept, in_a_struct_of_the_call, RENDER) {
    struct call { int number; struct { gateway_bytes_t record; } *of; } *call = state;
    if (call == NULL) call = state = calloc(1, sizeof *call);
    if (call->of == NULL) call->of = calloc(1, sizeof *call->of);
    look(call->of->record);
    call->of->record = at->input;
    return GO_ON;
}
VARIANT(kept, from_the_third_call_on, PREPARE) {
    if (++times_called == 3) kept = at->input;
    look(kept);
    return GO_ON;
}
VARIANT(kept, a_part_of_the_middle, INTERPRET) {
    never_set = kept.length > 0 && kept.data[0] == 1;
    if (at->other.length > 20) kept = (gateway_bytes_t){at->other.data + 20, 1};
    return GO_ON;
}
VARIANT(kept, profile_or_record, QUERY) {
    look(kept);
    kept = at->input;
    return GO_ON;
}
VARIANT(kept, meta_for_the_next_call, INVOKE) {
    look(kept);
    kept = at->other;
    return GO_ON;
}
struct later { uint64_t call; gateway_bytes_t bytes; char *answer; };
static void *complete_later(void *argument) {
    struct later *later = argument;
    usleep(2000);
    char said[60];
    snprintf(said, sizeof said, "{\"said\":%u}", later->bytes.length > 0 ? digest(later->bytes) : 1);
    complete(later->call, later->answer != NULL ? later->answer : said);
    free(later);
    return NULL;
}
static int32_t begin(struct later later) {
    pthread_t thread;
    struct later *own = malloc(sizeof *own);
    *own = later;
    if (pthread_create(&thread, NULL, complete_later, own) != 0) return free(own), GATEWAY_RATE_LIMITED;
    pthread_detach(thread);
    return GATEWAY_OK;
}
VARIANT(kept, by_a_thread_that_goes_on, INVOKE) { return begin((struct later){at->call, at->input, NULL}); }
VARIANT(kept, sink, PREPARE | RENDER) {
    static gateway_sink_t sink;
    if (at->place == PREPARE) return sink = at->output, GO_ON;
    if (sink.write != NULL) sink.write(sink.context, text(" "));
    return GO_ON;
}
VARIANT(kept, negotiation, ENTRY | PREPARE) {
    if (at->place == ENTRY) return state = at->negotiation, GO_ON;
    never_set = ((gateway_negotiation_t *)state)->isolation == 77;
    return GO_ON;
}
VARIANT(kept, host_name, ENTRY | INVOKE) {
    if (at->place == ENTRY) return kept = at->negotiation->host_name, GO_ON;
    look(kept);
    return GO_ON;
}
static void answered(void *context, int32_t status, gateway_bytes_t answer) {
    (void)status;
    look(kept);
    kept = answer;
    complete((uint64_t)(uintptr_t)context, "{\"said\":1}");
}
VARIANT(kept, answer_of_a_service, INVOKE) {
    const gateway_call_t *services = calling;
    return services->call(host, at->call, text("store.get"), text("{\"collection\":\"notes\",\"key\":\"a\"}"), answered,
                          (void *)(uintptr_t)at->call);
}

/* ---- Answers from a buffer that calls share (T1). */

static int32_t answer_in(struct spot *at, char *buffer) {
    snprintf(buffer, 200, "{\"plan\":{\"intent\":{\"amount\":%u},\"request\":{\"body\":{}}}}", *at->number);
    return at->output.write(at->output.context, text(buffer));
}
VARIANT(buffer, one, PREPARE) {
    static char buffer[200];
    return answer_in(at, buffer);
}
VARIANT(buffer, ring_of_two, PREPARE) {
    static char ring[2][200];
    return answer_in(at, ring[times_called++ % 2]);
}
VARIANT(buffer, ring_of_eight, PREPARE) {
    static char ring[8][200];
    return answer_in(at, ring[times_called++ % 8]);
}
VARIANT(buffer, on_the_heap_once, PREPARE) {
    if (state == NULL) state = malloc(200);
    return answer_in(at, state);
}
VARIANT(buffer, only_for_refusals, PREPARE) {
    static char buffer[200];
    if (number_of(at->input, "amount") < 200000) return GO_ON;
    refuse(at, buffer, sizeof buffer);
    return at->output.write(at->output.context, text(buffer));
}
VARIANT(buffer, only_for_long_texts, PREPARE) {
    static char buffer[200];
    return is_long(at->input) ? answer_in(at, buffer) : GO_ON;
}
VARIANT(buffer, for_what_is_read, PREPARE) {
    static char phone[20];
    const char *from = memmem(at->input.data, at->input.length, "\"phone\":\"", 9);
    if (from == NULL) return GO_ON;
    snprintf(phone, sizeof phone, "%.9s", from + 12);
    *at->number = digest(at->input);
    return say(at, "{\"plan\":{\"intent\":{\"amount\":%u,\"reference\":\"%s\"},\"request\":{\"body\":{}}}}", *at->number, phone);
}
VARIANT(buffer, in_render, RENDER) {
    static char buffer[100];
    snprintf(buffer, sizeof buffer, "{\"state\":\"%u\"}", digest(at->input));
    return at->output.write(at->output.context, text(buffer));
}
VARIANT(buffer, in_interpret, INTERPRET) {
    static char buffer[100];
    snprintf(buffer, sizeof buffer, "{\"evidence\":{\"verdict\":\"%s\",\"meaning\":\"%u\"}}",
             *at->paid ? "pending" : "unknown", digest(at->other));
    return *at->paid ? GO_ON : at->output.write(at->output.context, text(buffer));
}
VARIANT(buffer, for_what_completes_later, INVOKE) {
    static char buffer[60];
    snprintf(buffer, sizeof buffer, "{\"said\":%u}", *at->number);
    return begin((struct later){.call = at->call, .answer = buffer});
}
VARIANT(buffer, ring_of_four_for_later, INVOKE) {
    static char ring[4][60];
    char *buffer = ring[times_called++ % 4];
    snprintf(buffer, sizeof ring[0], "{\"said\":%u}", *at->number);
    return begin((struct later){.call = at->call, .answer = buffer});
}
VARIANT(buffer, of_the_thread_for_later, INVOKE) {
    static __thread char buffer[60];
    snprintf(buffer, sizeof buffer, "{\"said\":%u}", *at->number);
    return begin((struct later){.call = at->call, .answer = buffer});
}
VARIANT(buffer, sum_that_goes_on, PREPARE) {
    static volatile unsigned sum;
    sum = 7;
    for (uint64_t index = 0; index < at->input.length; index++) sum = sum * 31 + at->input.data[index];
    *at->number = 1000 + sum % 90000;
    return GO_ON;
}

#include "variants_of_time.h"
#include "variants_of_input.h"
