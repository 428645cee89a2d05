/*
 * gateway/function.h: tools that are ordinary asynchronous code, and the host services they may use.
 *
 * `invoke` starts a call and returns at once; the plugin completes it exactly once, from any thread, also before
 * `invoke` has returned. A call is named by a number that the host minted: it is no pointer, it expires, and using it
 * after its end answers GATEWAY_UNKNOWN_INVOCATION and nothing worse. No function here, and no document, names an
 * organization: the host knows it from the invocation.
 *
 * Any host function may be called from any thread, also from inside a call of the host's.                (rule T3)
 * The host calls `invoke` and `cancel` on threads it keeps for plugins, concurrently; each returns within 50 ms.
 *                                                                                                    (rules T1, T2)
 */
#ifndef GATEWAY_FUNCTION_H
#define GATEWAY_FUNCTION_H

#include "gateway/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* "invoke/1". `arguments` is the caller's JSON object, already valid under the tool's input schema; `meta` is a JSON
 * object: deadline_ns (of clock/1's monotonic clock), attempt, caller (rest, mcp, timer, task), idempotency_key, and, where
 * the call was answered GATEWAY_INPUT_REQUIRED before, input and state (docs/abi.md, section 8).
 * Anything but GATEWAY_OK means that the call was not taken and will not be completed. */
#define GATEWAY_INVOKE "invoke/1"
typedef struct gateway_invoke_r1 {
    int32_t (*invoke)(void *plugin, uint64_t invocation, uint32_t tool, gateway_bytes_t arguments,
                      gateway_bytes_t meta);
} gateway_invoke_t;

/* "cancel/1": optional. The caller no longer waits. The plugin still completes, as soon as it can. */
#define GATEWAY_CANCEL "cancel/1"
typedef struct gateway_cancel_r1 {
    int32_t (*cancel)(void *plugin, uint64_t invocation);
} gateway_cancel_t;

/* "timer/1": optional; for plugins that were granted timers. A timer has come due that this plugin scheduled, in this
 * generation or an earlier one, before or after a restart of the host: `timer` is its JSON object {id, name, data,
 * due_ms, attempt}. It is an invocation like any other, with the organization of whoever scheduled it; completed with
 * anything but GATEWAY_OK it comes again later. */
#define GATEWAY_TIMER "timer/1"
typedef struct gateway_timer_r1 {
    int32_t (*fire)(void *plugin, uint64_t invocation, gateway_bytes_t timer, gateway_bytes_t meta);
} gateway_timer_t;

/* Host "complete/1". [thread-safe] Ends an invocation. `payload` is the tool's output for GATEWAY_OK; {handle, tool,
 * message, poll_after_ms} for GATEWAY_ACCEPTED; {message, schema, state} for GATEWAY_INPUT_REQUIRED; else an object
 * {code, message, details, retry_after_ms}. It is copied before this returns. Answers GATEWAY_OK,
 * GATEWAY_ALREADY_COMPLETED, GATEWAY_UNKNOWN_INVOCATION or GATEWAY_TOO_LARGE (then the call has failed with it). */
#define GATEWAY_COMPLETE "complete/1"
typedef struct gateway_complete_r1 {
    int32_t (*complete)(void *host, uint64_t invocation, int32_t status, gateway_bytes_t payload);
} gateway_complete_t;

/* Host "progress/1". [thread-safe] `fraction` in parts per million, never falling; `message` for people. The host
 * passes on as many as its rate allows. `is_cancelled` answers 1 once the caller has gone or the deadline passed. */
#define GATEWAY_PROGRESS "progress/1"
typedef struct gateway_progress_r1 {
    int32_t (*progress)(void *host, uint64_t invocation, uint32_t fraction, gateway_bytes_t message);
    int32_t (*is_cancelled)(void *host, uint64_t invocation);
} gateway_progress_t;

/* Host "log/1". [thread-safe] A constant message and its values as a JSON object (or empty). `invocation` may be 0.
 * The host masks, limits the rate, and adds plugin, organization and call. */
#define GATEWAY_LOG_DEBUG 0u
#define GATEWAY_LOG_INFO 1u
#define GATEWAY_LOG_WARNING 2u
#define GATEWAY_LOG_ERROR 3u
#define GATEWAY_LOG "log/1"
typedef struct gateway_log_r1 {
    int32_t (*log)(void *host, uint64_t invocation, uint32_t level, gateway_bytes_t message, gateway_bytes_t values);
} gateway_log_t;

/* Host "clock/1". [thread-safe] Wall time in milliseconds since 1970 (UTC), and a monotonic clock in nanoseconds. */
#define GATEWAY_CLOCK "clock/1"
typedef struct gateway_clock_r1 {
    int64_t (*now_ms)(void *host);
    uint64_t (*monotonic_ns)(void *host);
} gateway_clock_t;

/*
 * Host "call/1". [thread-safe] Asks a host service by name ("store.get"; docs/abi.md, section 9) with a JSON request. The answer comes
 * through `answered`, exactly once, from any thread, also before `call` has returned (rule T4); `status` and `answer`
 * are borrowed until it returns. A status other than GATEWAY_OK from `call` itself means that `answered` will not be
 * called. A service the host does not have, or the plugin was not granted, answers GATEWAY_NOT_SUPPORTED or
 * GATEWAY_PERMISSION_DENIED.
 */
typedef void (*gateway_answered_t)(void *context, int32_t status, gateway_bytes_t answer);
#define GATEWAY_CALL "call/1"
typedef struct gateway_call_r1 {
    int32_t (*call)(void *host, uint64_t invocation, gateway_bytes_t service, gateway_bytes_t request,
                    gateway_answered_t answered, void *context);
} gateway_call_t;

/* Host "thread-check/1". [thread-safe] For a plugin's own assertions: 1 on a thread the host keeps for plugins. */
#define GATEWAY_THREAD_CHECK "thread-check/1"
typedef struct gateway_thread_check_r1 {
    int32_t (*is_plugin_thread)(void *host);
} gateway_thread_check_t;

#ifdef __cplusplus
}
#endif

#endif
