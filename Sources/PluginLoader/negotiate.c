#include "PluginLoader.h"

#include <stdio.h>
#include <string.h>

static gateway_bytes_t text_of(const char *text) {
    gateway_bytes_t bytes = {(const uint8_t *)text, strlen(text)};
    return bytes;
}

static const void *table(const gateway_negotiation_t *negotiation, const char *id) {
    return negotiation->plugin_interface(negotiation->plugin, text_of(id));
}

static int missing(const char *name, char *reason, size_t reason_size) {
    snprintf(reason, reason_size, "%s", name);
    return GATEWAY_NEGOTIATION_MISSING_TABLE;
}

/* Rule E5: a table that is offered has all its functions. */
static int check(const struct gateway_tables *tables, char *reason, size_t size) {
    const gateway_operation_t *operation = tables->operation;
    if (tables->lifecycle == NULL || tables->lifecycle->describe == NULL || tables->lifecycle->configure == NULL) {
        return missing(GATEWAY_LIFECYCLE, reason, size);
    }
    if (operation != NULL && (operation->prepare == NULL || operation->interpret == NULL || operation->query == NULL ||
                              operation->render == NULL)) {
        return missing("a function of " GATEWAY_OPERATION, reason, size);
    }
    if (tables->invoke != NULL && tables->invoke->invoke == NULL) {
        return missing("a function of " GATEWAY_INVOKE, reason, size);
    }
    if (tables->cancel != NULL && tables->cancel->cancel == NULL) {
        return missing("a function of " GATEWAY_CANCEL, reason, size);
    }
    if (tables->selftest != NULL && tables->selftest->selftest == NULL) {
        return missing("a function of " GATEWAY_SELFTEST, reason, size);
    }
    if (tables->drain != NULL && (tables->drain->drain == NULL || tables->drain->in_flight == NULL)) {
        return missing("a function of " GATEWAY_DRAIN, reason, size);
    }
    if (tables->timer != NULL && tables->timer->fire == NULL) return missing("a function of " GATEWAY_TIMER, reason, size);
    if (tables->prompt != NULL && tables->prompt->get == NULL) {
        return missing("a function of " GATEWAY_PROMPT, reason, size);
    }
    if (tables->resource != NULL && tables->resource->read == NULL) {
        return missing("a function of " GATEWAY_RESOURCE, reason, size);
    }
    if (tables->prompt_2 != NULL && tables->prompt_2->get == NULL) {
        return missing("a function of " GATEWAY_PROMPT_2, reason, size);
    }
    if (tables->resource_2 != NULL && tables->resource_2->read == NULL) {
        return missing("a function of " GATEWAY_RESOURCE_2, reason, size);
    }
    if (tables->completion != NULL && tables->completion->complete == NULL) {
        return missing("a function of " GATEWAY_ARGUMENT_COMPLETION, reason, size);
    }
    return GATEWAY_NEGOTIATION_OK;
}

int gateway_library_negotiate(gateway_plugin_entry_t entry, gateway_negotiation_t *negotiation,
                              struct gateway_tables *tables, char *reason, size_t reason_size) {
    memset(tables, 0, sizeof *tables);
    negotiation->host_level_min = GATEWAY_LEVEL;
    negotiation->host_level_max = GATEWAY_LEVEL;
    int32_t status = entry(negotiation);
    if (status != GATEWAY_OK) {
        snprintf(reason, reason_size, "its entry answered status %d", (int)status);
        return GATEWAY_NEGOTIATION_REFUSED;
    }
    if (negotiation->refused != 0) {
        gateway_bytes_t said = negotiation->refusal_reason;
        snprintf(reason, reason_size, "%.*s", said.length < 400 ? (int)said.length : 400, (const char *)said.data);
        return GATEWAY_NEGOTIATION_REFUSED;
    }
    if (negotiation->level != GATEWAY_LEVEL) return GATEWAY_NEGOTIATION_OTHER_LEVEL;
    if (negotiation->plugin_interface == NULL) return missing("plugin_interface", reason, reason_size);
    tables->plugin = negotiation->plugin;
    tables->lifecycle = table(negotiation, GATEWAY_LIFECYCLE);
    tables->selftest = table(negotiation, GATEWAY_SELFTEST);
    tables->operation = table(negotiation, GATEWAY_OPERATION);
    tables->invoke = table(negotiation, GATEWAY_INVOKE);
    tables->cancel = table(negotiation, GATEWAY_CANCEL);
    tables->drain = table(negotiation, GATEWAY_DRAIN);
    tables->timer = table(negotiation, GATEWAY_TIMER);
    tables->prompt = table(negotiation, GATEWAY_PROMPT);
    tables->resource = table(negotiation, GATEWAY_RESOURCE);
    tables->prompt_2 = table(negotiation, GATEWAY_PROMPT_2);
    tables->resource_2 = table(negotiation, GATEWAY_RESOURCE_2);
    tables->completion = table(negotiation, GATEWAY_ARGUMENT_COMPLETION);
    return check(tables, reason, reason_size);
}
