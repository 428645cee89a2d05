/* Mentions every published type, so that its debug information describes the whole protocol: abidw reads that. */
#include "PluginAPI.h"

void gateway_reference(const gateway_bytes_t *bytes, const gateway_sink_t *sink, const gateway_manifest_t *manifest,
                       gateway_negotiation_t *negotiation, gateway_plugin_entry_t entry, gateway_answered_t answered,
                       const gateway_lifecycle_t *lifecycle, const gateway_selftest_t *selftest,
                       const gateway_drain_t *drain, const gateway_operation_t *operation,
                       const gateway_invoke_t *invoke, const gateway_cancel_t *cancel, const gateway_timer_t *timer,
                       const gateway_prompt_t *prompt, const gateway_resource_t *resource,
                       const gateway_complete_t *complete, const gateway_progress_t *progress,
                       const gateway_log_t *log, const gateway_clock_t *clock, const gateway_call_t *call,
                       const gateway_thread_check_t *thread_check);

void gateway_reference(const gateway_bytes_t *bytes, const gateway_sink_t *sink, const gateway_manifest_t *manifest,
                       gateway_negotiation_t *negotiation, gateway_plugin_entry_t entry, gateway_answered_t answered,
                       const gateway_lifecycle_t *lifecycle, const gateway_selftest_t *selftest,
                       const gateway_drain_t *drain, const gateway_operation_t *operation,
                       const gateway_invoke_t *invoke, const gateway_cancel_t *cancel, const gateway_timer_t *timer,
                       const gateway_prompt_t *prompt, const gateway_resource_t *resource,
                       const gateway_complete_t *complete, const gateway_progress_t *progress,
                       const gateway_log_t *log, const gateway_clock_t *clock, const gateway_call_t *call,
                       const gateway_thread_check_t *thread_check) {
    (void)bytes, (void)sink, (void)manifest, (void)negotiation, (void)entry, (void)answered, (void)lifecycle;
    (void)selftest, (void)drain, (void)operation, (void)invoke, (void)cancel, (void)timer, (void)prompt;
    (void)resource, (void)complete, (void)progress, (void)log, (void)clock, (void)call, (void)thread_check;
}
