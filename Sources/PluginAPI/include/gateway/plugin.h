/*
 * gateway/plugin.h: how a plugin is found, negotiated with and looked after. Start reading here.
 *
 * A plugin is one shared library that exports `gateway_plugin_v1`, and nothing else but entries of the same name with
 * another number, which are for hosts of other levels. It carries one manifest in the ELF section ".gateway.manifest".
 * The host reads the manifest and verifies the file's bytes before any code of it runs.
 * Then, always in this order:                                                                         (rule L1)
 *
 *     gateway_plugin_v1  ->  lifecycle.describe  ->  lifecycle.configure  ->  selftest (if offered)
 *     ->  any number of operation.* and invoke calls, concurrently  ->  drain  ->  nothing more
 *
 * Both sides find each other's function tables by a text id, `name/revision`. A null answer means "not supported" and
 * is never an error; an id that nobody has heard of must be answered with null.
 */
#ifndef GATEWAY_PLUGIN_H
#define GATEWAY_PLUGIN_H

#include "gateway/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The static manifest: who this is, readable without executing one instruction of it. Texts are UTF-8, padded with
 * zero bytes to the end of their field. `runtime` is "c", "rust", "swift-shared:6.3" (the process's Swift runtime,
 * so the version must be the host's), "swift-static" or "swift-embedded".
 */
#define GATEWAY_MANIFEST_SECTION ".gateway.manifest"
#define GATEWAY_MANIFEST_MAGIC "GATEWAY\0"
typedef struct gateway_manifest_r1 {
    uint8_t magic[8];    /* GATEWAY_MANIFEST_MAGIC */
    uint32_t revision;   /* of this struct: 1 */
    uint32_t level_min;  /* the protocol levels it can speak */
    uint32_t level_max;
    uint32_t flags;      /* zero; a host refuses a library that sets a flag which it does not know */
    uint8_t id[64];      /* [a-z][a-z0-9-]*, equal to the catalogue's plugin.id */
    uint8_t version[32]; /* semantic version, equal to the catalogue's plugin.version */
    uint8_t runtime[32];
    uint8_t sdk[32];     /* what it was built with, for people: "PluginKit 0.1.0", or empty */
} gateway_manifest_t;

/*
 * The one exchange in which both sides learn about each other. The host fills the first half, the plugin the second.
 * Everything the plugin points to must live as long as the process.
 */
typedef struct gateway_negotiation_r1 {
    uint32_t host_level_min;
    uint32_t host_level_max;
    uint32_t isolation;            /* GATEWAY_ISOLATION_... */
    uint32_t reserved;             /* zero */
    gateway_bytes_t host_name;
    gateway_bytes_t host_version;
    void *host;                    /* opaque; the first argument of every host function */
    const void *(*host_interface)(void *host, gateway_bytes_t id);
    uint32_t level;                /* chosen, within both ranges */
    uint32_t refused;              /* not zero: the plugin will not run here; refusal_reason says why */
    gateway_bytes_t refusal_reason;
    void *plugin;                  /* opaque; the first argument of every plugin function; may be null */
    const void *(*plugin_interface)(void *plugin, gateway_bytes_t id);
} gateway_negotiation_t;

/*
 * The exported symbol. Called once per loaded generation, from any thread, before anything else. Several
 * generations of one plugin may live in a process at once, so it must not claim anything global.       (rule L3)
 * Returns GATEWAY_OK when the second half is filled (also when `refused` is set); GATEWAY_NOT_SUPPORTED when no level
 * fits; anything else refuses the load. `negotiation` is never null from a host, but a plugin answers null with
 * GATEWAY_INVALID_ARGUMENT.
 */
GATEWAY_EXPORT int32_t gateway_plugin_v1(gateway_negotiation_t *negotiation);
typedef int32_t (*gateway_plugin_entry_t)(gateway_negotiation_t *negotiation);

/* "lifecycle/1": offered by every plugin. */
#define GATEWAY_LIFECYCLE "lifecycle/1"
typedef struct gateway_lifecycle_r1 {
    /* [once, any thread] Writes the catalogue (docs/abi.md). Must write the same bytes whenever it is asked. */
    int32_t (*describe)(void *plugin, gateway_sink_t catalogue);
    /* [once, any thread] Takes the plugin's settings from plugins.json, a JSON object without secrets. Anything but
     * GATEWAY_OK refuses the load; a sentence for the operator may be written to `reason`. */
    int32_t (*configure)(void *plugin, gateway_bytes_t settings, gateway_sink_t reason);
} gateway_lifecycle_t;

/* "selftest/1": optional. [once, any thread] Proves what can be proved without a network, in at most one second.
 * Anything but GATEWAY_OK refuses the load. */
#define GATEWAY_SELFTEST "selftest/1"
typedef struct gateway_selftest_r1 {
    int32_t (*selftest)(void *plugin, gateway_sink_t reason);
} gateway_selftest_t;

/* "drain/1": optional. After `drain` the host starts nothing new. `in_flight` is reserved: no host calls it yet. It
 * answers how many pieces of work the plugin still runs, completed invocations included as long as its code is on some
 * stack: 0 means "I am out". */
#define GATEWAY_DRAIN "drain/1"
typedef struct gateway_drain_r1 {
    int32_t (*drain)(void *plugin);
    uint64_t (*in_flight)(void *plugin);
} gateway_drain_t;

#ifdef __cplusplus
}
#endif

#endif
