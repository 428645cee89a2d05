/*
 * gateway/operation.h: tools that move money, or ask M-Pesa about it. The plugin decides, the host acts.
 *
 * Money is never moved by plugin code. The plugin says what should be sent and what an answer means; the host commits,
 * sends once, waits for callbacks, asks again, and reconciles. All four functions are therefore PURE: bytes in, bytes
 * out, no host service, no clock (the time is in the input), no state, callable from any thread at once, each within
 * a millisecond for every 64 KiB of input that are begun. The host may call them again with the same bytes, after a
 * crash, in another process, or in another generation of the same version, and must get the same bytes. Another version
 * may answer otherwise.                                                                           (rules P1, T1)
 *
 *     prepare    arguments, profile, time, ids   ->  a refusal, or a plan: intent + request template
 *     interpret  raw bytes from M-Pesa + record  ->  evidence: what these bytes prove
 *     query      an open record, profile, time   ->  a plan for the request that asks about it, or none
 *     render     a record and its events         ->  the tool's output, for the first reply, for status, for a webhook
 *
 * The shape of each document is in docs/abi.md. Output that is not of that shape counts as a crash of the plugin.
 */
#ifndef GATEWAY_OPERATION_H
#define GATEWAY_OPERATION_H

#include "gateway/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * "operation/1". `tool` is the tool's index in the catalogue's `tools`, `operation` the kind's index in its
 * `operations`. Each answers GATEWAY_OK after writing one JSON document, GATEWAY_NOT_SUPPORTED for an index it does
 * not have, GATEWAY_INVALID_ARGUMENT for input that is not of the agreed shape. What M-Pesa sent is never an error:
 * bytes that make no sense are evidence with the verdict "unknown".
 */
#define GATEWAY_OPERATION "operation/1"
typedef struct gateway_operation_r1 {
    int32_t (*prepare)(void *plugin, uint32_t tool, gateway_bytes_t input, gateway_sink_t output);
    /* `raw` is what came over the wire, untouched and untrusted. */
    int32_t (*interpret)(void *plugin, uint32_t operation, gateway_bytes_t input, gateway_bytes_t raw,
                         gateway_sink_t output);
    int32_t (*query)(void *plugin, uint32_t operation, gateway_bytes_t input, gateway_sink_t output);
    int32_t (*render)(void *plugin, uint32_t tool, gateway_bytes_t input, gateway_sink_t output);
} gateway_operation_t;

#ifdef __cplusplus
}
#endif

#endif
