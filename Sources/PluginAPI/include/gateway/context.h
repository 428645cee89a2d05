/*
 * gateway/context.h: what a person or a model reads before it calls a tool: prompts and resources. Both optional.
 *
 * They are declared in the catalogue (`prompts`, `resources`) and served by MCP. Both functions are PURE, like those of
 * operation.h: the same bytes in, the same bytes out, no host service, callable from any thread.            (rule P1)
 */
#ifndef GATEWAY_CONTEXT_H
#define GATEWAY_CONTEXT_H

#include "gateway/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* "prompt/1". Writes the prompt with this index in the catalogue's `prompts`, as a JSON object {description, messages:
 * [{role, content}]}. `arguments` is a JSON object of texts; those that are required are there. */
#define GATEWAY_PROMPT "prompt/1"
typedef struct gateway_prompt_r1 {
    int32_t (*get)(void *plugin, uint32_t prompt, gateway_bytes_t arguments, gateway_sink_t output);
} gateway_prompt_t;

/* "resource/1". Writes the bytes of the resource with this index in the catalogue's `resources`: text in UTF-8 where
 * its mime_type is one of text, anything otherwise. */
#define GATEWAY_RESOURCE "resource/1"
typedef struct gateway_resource_r1 {
    int32_t (*read)(void *plugin, uint32_t resource, gateway_sink_t output);
} gateway_resource_t;

#ifdef __cplusplus
}
#endif

#endif
