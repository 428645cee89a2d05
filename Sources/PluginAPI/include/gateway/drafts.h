/*
 * gateway/drafts.h: interfaces that may still change, whose ids begin with `x-` (docs/abi.md, section 1.7). All optional.
 *
 * What a person or a model reads, where it must be looked up, or somebody asked, before it can be written. These are
 * invocations like a function tool's (function.h): the function starts one and returns at once, and the plugin ends it by
 * complete/1, once, from any thread. In between it may ask for services, as whoever asked; nothing here moves money.
 * `meta` is as for invoke/1, with `environment` (test, live) besides.
 */
#ifndef GATEWAY_DRAFTS_H
#define GATEWAY_DRAFTS_H

#include "gateway/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* "x-prompt/2". The prompt with this index in the catalogue's `x-prompts`; `arguments` is as for prompt/1. Completed with
 * GATEWAY_OK and {description, messages}; with GATEWAY_INPUT_REQUIRED where the catalogue says that it asks. */
#define GATEWAY_PROMPT_2 "x-prompt/2"
typedef struct gateway_prompt_r2 {
    int32_t (*get)(void *plugin, uint64_t invocation, uint32_t prompt, gateway_bytes_t arguments, gateway_bytes_t meta);
} gateway_prompt_2_t;

/* "x-resource/2". A resource of the template with this index in the catalogue's `x-templates`; `arguments` is an object of
 * what stands at the template's places. Completed with GATEWAY_OK and {text} or {base64}, with GATEWAY_NOT_FOUND where
 * there is none, with GATEWAY_INPUT_REQUIRED where the catalogue says that it asks. */
#define GATEWAY_RESOURCE_2 "x-resource/2"
typedef struct gateway_resource_r2 {
    int32_t (*read)(void *plugin, uint64_t invocation, uint32_t template_index, gateway_bytes_t arguments,
                    gateway_bytes_t meta);
} gateway_resource_2_t;

/* "x-argument-completion/1". What an argument may be: `request` is {prompt or template (its name), argument, value (what
 * has been typed of it), arguments (what is known of the others)}. Completed with GATEWAY_OK and {values, total, has_more},
 * at most 100 values, within two seconds; it asks nobody. */
#define GATEWAY_ARGUMENT_COMPLETION "x-argument-completion/1"
typedef struct gateway_argument_completion_r1 {
    int32_t (*complete)(void *plugin, uint64_t invocation, gateway_bytes_t request, gateway_bytes_t meta);
} gateway_argument_completion_t;

#ifdef __cplusplus
}
#endif

#endif
