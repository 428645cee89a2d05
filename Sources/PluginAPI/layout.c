/*
 * The layout of every published struct, asserted: a field that moves, grows or is added fails the build and is named.
 * The same file compiles as C++17 (make lint).
 */
#include "PluginAPI.h"

#include <stddef.h>

#ifdef __cplusplus
#define HOLDS(condition, text) static_assert(condition, text)
#else
#define HOLDS(condition, text) _Static_assert(condition, text)
#endif
#define SIZE(type, size) HOLDS(sizeof(type) == (size), #type " has another size")
#define AT(type, field, offset) HOLDS(offsetof(type, field) == (offset), #type "." #field " has moved")

HOLDS(sizeof(void *) == 8, "the protocol is for LP64 systems only");

SIZE(gateway_bytes_t, 16);
AT(gateway_bytes_t, data, 0);
AT(gateway_bytes_t, length, 8);

SIZE(gateway_sink_t, 16);
AT(gateway_sink_t, context, 0);
AT(gateway_sink_t, write, 8);

SIZE(gateway_manifest_t, 184);
AT(gateway_manifest_t, magic, 0);
AT(gateway_manifest_t, revision, 8);
AT(gateway_manifest_t, level_min, 12);
AT(gateway_manifest_t, level_max, 16);
AT(gateway_manifest_t, flags, 20);
AT(gateway_manifest_t, id, 24);
AT(gateway_manifest_t, version, 88);
AT(gateway_manifest_t, runtime, 120);
AT(gateway_manifest_t, sdk, 152);

SIZE(gateway_negotiation_t, 104);
AT(gateway_negotiation_t, host_level_min, 0);
AT(gateway_negotiation_t, host_level_max, 4);
AT(gateway_negotiation_t, isolation, 8);
AT(gateway_negotiation_t, reserved, 12);
AT(gateway_negotiation_t, host_name, 16);
AT(gateway_negotiation_t, host_version, 32);
AT(gateway_negotiation_t, host, 48);
AT(gateway_negotiation_t, host_interface, 56);
AT(gateway_negotiation_t, level, 64);
AT(gateway_negotiation_t, refused, 68);
AT(gateway_negotiation_t, refusal_reason, 72);
AT(gateway_negotiation_t, plugin, 88);
AT(gateway_negotiation_t, plugin_interface, 96);

SIZE(gateway_lifecycle_t, 16);
AT(gateway_lifecycle_t, describe, 0);
AT(gateway_lifecycle_t, configure, 8);
SIZE(gateway_selftest_t, 8);
SIZE(gateway_drain_t, 16);
AT(gateway_drain_t, drain, 0);
AT(gateway_drain_t, in_flight, 8);

SIZE(gateway_operation_t, 32);
AT(gateway_operation_t, prepare, 0);
AT(gateway_operation_t, interpret, 8);
AT(gateway_operation_t, query, 16);
AT(gateway_operation_t, render, 24);

SIZE(gateway_invoke_t, 8);
SIZE(gateway_cancel_t, 8);
SIZE(gateway_timer_t, 8);
SIZE(gateway_prompt_t, 8);
SIZE(gateway_resource_t, 8);
SIZE(gateway_prompt_2_t, 8);
SIZE(gateway_resource_2_t, 8);
SIZE(gateway_argument_completion_t, 8);
SIZE(gateway_complete_t, 8);
SIZE(gateway_progress_t, 16);
AT(gateway_progress_t, progress, 0);
AT(gateway_progress_t, is_cancelled, 8);
SIZE(gateway_log_t, 8);
SIZE(gateway_clock_t, 16);
AT(gateway_clock_t, now_ms, 0);
AT(gateway_clock_t, monotonic_ns, 8);
SIZE(gateway_call_t, 8);
SIZE(gateway_thread_check_t, 8);
