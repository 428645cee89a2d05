#define _GNU_SOURCE
#include "worker.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The calls under way: few at a time, so a list is searched. A number that is not in it and is not above the newest has
 * been completed; a larger one was never given out. */
#define CALLS_MAX 4096
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    uint64_t number;
    int is_cancelled;
} calls[CALLS_MAX];
static size_t calls_count;
static uint64_t oldest, newest;
static uint64_t payload_max;
static __thread int is_plugin_thread;

void services_limit(uint64_t payload_bytes_max) { payload_max = payload_bytes_max; }

void services_on_plugin_thread(void) { is_plugin_thread = 1; }

static size_t find(uint64_t number) {
    size_t index = 0;
    while (index < calls_count && calls[index].number != number) index++;
    return index;
}

int calls_begin(uint64_t number) {
    pthread_mutex_lock(&lock);
    int has_room = calls_count < CALLS_MAX;
    if (has_room) {
        calls[calls_count].number = number;
        calls[calls_count].is_cancelled = 0;
        calls_count++;
        if (oldest == 0) oldest = number;
        if (number > newest) newest = number;
    }
    pthread_mutex_unlock(&lock);
    return has_room;
}

void calls_cancel(uint64_t number) {
    pthread_mutex_lock(&lock);
    size_t index = find(number);
    if (index < calls_count) calls[index].is_cancelled = 1;
    pthread_mutex_unlock(&lock);
}

int calls_knows(uint64_t number) {
    pthread_mutex_lock(&lock);
    int is_known = find(number) < calls_count;
    pthread_mutex_unlock(&lock);
    return is_known;
}

int32_t calls_end(uint64_t number) {
    pthread_mutex_lock(&lock);
    size_t index = find(number);
    int32_t status = GATEWAY_OK;
    if (index < calls_count) {
        calls[index] = calls[--calls_count];
    } else {
        status = number >= oldest && number <= newest ? GATEWAY_ALREADY_COMPLETED : GATEWAY_UNKNOWN_INVOCATION;
    }
    pthread_mutex_unlock(&lock);
    return status;
}

static const gateway_bytes_t nothing;

static int32_t complete(void *host, uint64_t number, int32_t status, gateway_bytes_t payload) {
    (void)host;
    int32_t answer = calls_end(number);
    if (answer == GATEWAY_OK && payload.length > payload_max) {
        frame_write(GATEWAY_FRAME_COMPLETE, number, 0, GATEWAY_TOO_LARGE, nothing, nothing);
        return GATEWAY_TOO_LARGE;
    }
    if (answer != GATEWAY_OK && !frame_may_say(0)) return answer;
    /* One that is out of turn is told to the host too, which counts it; the payload is of no use to it. */
    frame_write(GATEWAY_FRAME_COMPLETE, number, 0, status, answer == GATEWAY_OK ? payload : nothing, nothing);
    return answer;
}

static int32_t progress(void *host, uint64_t number, uint32_t fraction, gateway_bytes_t message) {
    (void)host;
    if (message.length > GATEWAY_TEXT_BYTES_MAX) return GATEWAY_INVALID_ARGUMENT;
    /* The host passes on only some of them anyway. */
    if (!frame_may_say(message.length)) return GATEWAY_OK;
    frame_write(GATEWAY_FRAME_PROGRESS, number, fraction, GATEWAY_OK, message, nothing);
    return GATEWAY_OK;
}

static int32_t is_cancelled(void *host, uint64_t number) {
    (void)host;
    pthread_mutex_lock(&lock);
    size_t index = find(number);
    int answer = index >= calls_count || calls[index].is_cancelled;
    pthread_mutex_unlock(&lock);
    return answer;
}

static int32_t write_log(void *host, uint64_t number, uint32_t level, gateway_bytes_t message, gateway_bytes_t values) {
    (void)host;
    if (message.length > GATEWAY_TEXT_BYTES_MAX || values.length > GATEWAY_TEXT_BYTES_MAX) {
        return GATEWAY_INVALID_ARGUMENT;
    }
    if (!frame_may_say(message.length + values.length)) return GATEWAY_RATE_LIMITED;
    frame_write(GATEWAY_FRAME_LOG, number, level, GATEWAY_OK, message, values);
    return GATEWAY_OK;
}

static int64_t now_ms(void *host) {
    (void)host;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static uint64_t monotonic_ns(void *host) {
    (void)host;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* What was asked of the host and not answered yet. A slot's id is never used twice in a row, so that an answer which
 * comes twice finds nothing. */
static struct {
    uint32_t id;
    gateway_answered_t answered;
    void *context;
} asked[GATEWAY_ASKED_MAX];
static uint32_t asked_last;

static int32_t call(void *host, uint64_t number, gateway_bytes_t service, gateway_bytes_t request,
                    gateway_answered_t answered, void *context) {
    (void)host;
    if (answered == NULL || service.length > GATEWAY_SERVICE_BYTES_MAX) return GATEWAY_INVALID_ARGUMENT;
    if (request.length > payload_max) return GATEWAY_TOO_LARGE;
    if (!frame_may_say(request.length)) return GATEWAY_RATE_LIMITED;
    pthread_mutex_lock(&lock);
    int is_known = find(number) < calls_count;
    uint32_t id = 0;
    for (uint32_t tried = 0; is_known && id == 0 && tried < GATEWAY_ASKED_MAX; tried++) {
        /* Ids count up, past 0, and each has its slot. */
        uint32_t next = ++asked_last == 0 ? ++asked_last : asked_last;
        if (asked[next % GATEWAY_ASKED_MAX].answered != NULL) continue;
        id = next;
        asked[id % GATEWAY_ASKED_MAX].id = id;
        asked[id % GATEWAY_ASKED_MAX].answered = answered;
        asked[id % GATEWAY_ASKED_MAX].context = context;
    }
    pthread_mutex_unlock(&lock);
    if (!is_known) return GATEWAY_UNKNOWN_INVOCATION;
    if (id == 0) return GATEWAY_RATE_LIMITED;
    frame_write(GATEWAY_FRAME_CALL, number, id, GATEWAY_OK, service, request);
    return GATEWAY_OK;
}

void calls_answer(uint32_t id, int32_t status, gateway_bytes_t answer) {
    pthread_mutex_lock(&lock);
    gateway_answered_t answered = asked[id % GATEWAY_ASKED_MAX].id == id ? asked[id % GATEWAY_ASKED_MAX].answered : NULL;
    void *context = asked[id % GATEWAY_ASKED_MAX].context;
    if (answered != NULL) asked[id % GATEWAY_ASKED_MAX].answered = NULL;
    pthread_mutex_unlock(&lock);
    if (answered != NULL) answered(context, status, answer);
}

static int32_t on_plugin_thread(void *host) {
    (void)host;
    return is_plugin_thread;
}

static const gateway_complete_t complete_table = {complete};
static const gateway_progress_t progress_table = {progress, is_cancelled};
static const gateway_log_t log_table = {write_log};
static const gateway_clock_t clock_table = {now_ms, monotonic_ns};
static const gateway_call_t call_table = {call};
static const gateway_thread_check_t thread_check_table = {on_plugin_thread};

const void *services_find(void *host, gateway_bytes_t id) {
    static const struct {
        const char *id;
        const void *table;
    } known[] = {
        {GATEWAY_COMPLETE, &complete_table}, {GATEWAY_PROGRESS, &progress_table},
        {GATEWAY_LOG, &log_table},           {GATEWAY_CLOCK, &clock_table},
        {GATEWAY_CALL, &call_table},         {GATEWAY_THREAD_CHECK, &thread_check_table},
    };
    (void)host;
    for (size_t index = 0; index < sizeof known / sizeof known[0]; index++) {
        if (strlen(known[index].id) == id.length && memcmp(known[index].id, id.data, id.length) == 0) {
            return known[index].table;
        }
    }
    return NULL;
}
