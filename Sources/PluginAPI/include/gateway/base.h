/*
 * gateway/base.h: the types that cross the boundary between host and plugin.
 *
 * The boundary is a thin waist of bytes. What a plugin can do is told once, as a JSON document (operation.h and
 * docs/abi.md give its shape); afterwards a handful of frozen C functions pass bytes over and back. The same bytes
 * travel over a socket when the plugin runs in a worker process, so nothing here may be a pointer that is kept.
 *
 * Said once for every header:
 *   - A published struct, function, id or status never changes, not a field and not a meaning. A new shape gets a new
 *     struct tag (`_r2`) and a new interface id ("operation/2"). Level 1 is frozen (docs/abi.md, section 10).
 *   - Integers have a stated width. There is no bool, enum, bit field, float or variadic function, and no padding.
 *   - Text is UTF-8 with a length, never NUL-terminated. An empty text may have a null pointer.        (rule M3)
 *   - An argument is borrowed until the call returns; keep it and you must copy it.                     (rule M1)
 *   - Nobody frees the other side's memory.                                                             (rule M2)
 *   - Tables, and the manifest, are immutable and live as long as the process.                          (rule M4)
 *   - No C++ exception, Rust panic or longjmp crosses the boundary.                                     (rule T5)
 * docs/abi.md numbers all rules and says what follows from breaking each.
 */
#ifndef GATEWAY_BASE_H
#define GATEWAY_BASE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The level of the protocol: what a host of this level calls without asking. It goes up when that set changes; a host
 * speaks its own level and at least the two before it. */
#define GATEWAY_LEVEL 1u

/* A borrowed view of bytes. `data` may be null when `length` is 0. */
typedef struct gateway_bytes_r1 {
    const uint8_t *data;
    uint64_t length;
} gateway_bytes_t;

/*
 * Where a function puts its output. Valid only until the call that received it returns. `write` appends, may be
 * called several times, and answers GATEWAY_OK, or GATEWAY_TOO_LARGE once the host's limit for one result is passed;
 * after that the call must return GATEWAY_TOO_LARGE too.                                              (rule M5)
 */
typedef struct gateway_sink_r1 {
    void *context;
    int32_t (*write)(void *context, gateway_bytes_t bytes);
} gateway_sink_t;

/*
 * Statuses. Lists may grow, either way (docs/abi.md, section 10, rule 4): what a plugin does not know in one that comes
 * from the host (a status of `answered`, an isolation) is to it another than those that it knows; the host treats a
 * status it does not know as GATEWAY_INTERNAL.
 */
#define GATEWAY_OK 0
#define GATEWAY_ACCEPTED 1        /* started, not finished; the payload carries a handle */
#define GATEWAY_INPUT_REQUIRED 2  /* the payload asks a person a question */
#define GATEWAY_INVALID_ARGUMENT 10
#define GATEWAY_UNAUTHENTICATED_UPSTREAM 11
#define GATEWAY_PERMISSION_DENIED 12
#define GATEWAY_NOT_FOUND 13
#define GATEWAY_CONFLICT 14
#define GATEWAY_RATE_LIMITED 15
#define GATEWAY_UPSTREAM_REJECTED 16
#define GATEWAY_UPSTREAM_UNAVAILABLE 17
#define GATEWAY_OUTCOME_UNKNOWN 18
#define GATEWAY_CANCELLED 19
#define GATEWAY_DEADLINE 20
#define GATEWAY_NOT_SUPPORTED 21
#define GATEWAY_INTERNAL 22
#define GATEWAY_TOO_LARGE 23
#define GATEWAY_ALREADY_COMPLETED 24 /* a second completion; counted, otherwise harmless */
#define GATEWAY_UNKNOWN_INVOCATION 25

/* Where the plugin runs. It is told so that it can log it; it must behave alike in all three. */
#define GATEWAY_ISOLATION_IN_PROCESS 0u
#define GATEWAY_ISOLATION_WORKER 1u
#define GATEWAY_ISOLATION_SANDBOX 2u

#if defined(__GNUC__)
#define GATEWAY_EXPORT __attribute__((visibility("default")))
#else
#define GATEWAY_EXPORT
#endif

#ifdef __cplusplus
}
#endif

#endif
