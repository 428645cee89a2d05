/*
 * Looks into a plugin's file without running it, and opens the private copy that was made of the very bytes looked at.
 * Shared by the host and the worker. Everything here is bounds-checked: the bytes are a stranger's.
 */
#ifndef GATEWAY_PLUGIN_LOADER_H
#define GATEWAY_PLUGIN_LOADER_H

#include "Confinement.h"
#include "FileRules.h"
#include "PluginFrames.h"
#include "Probing.h"
#include "WorkerProcess.h"
#include "gateway/context.h"
#include "gateway/drafts.h"
#include "gateway/function.h"
#include "gateway/operation.h"
#include "gateway/plugin.h"

#include <stddef.h>

/* Why a file is not loadable. The numbers are for this process only; PluginHost turns them into sentences. */
enum gateway_elf_problem {
    GATEWAY_ELF_OK = 0,
    GATEWAY_ELF_NOT_ELF,          /* not a 64-bit little-endian shared library for this machine */
    GATEWAY_ELF_DAMAGED,          /* a table points outside the file */
    GATEWAY_ELF_NO_MANIFEST,      /* no section ".gateway.manifest" (rule E2) */
    GATEWAY_ELF_MANY_MANIFESTS,   /* more than one, or one of the wrong size */
    GATEWAY_ELF_BAD_MANIFEST,     /* wrong magic, revision, or a text that is not zero-padded */
    GATEWAY_ELF_UNKNOWN_FLAGS,    /* a flag in the manifest that this host does not know */
    GATEWAY_ELF_EXPORTS,          /* it exports more than gateway_plugin_v*, or no gateway_plugin_v1 (rule E1) */
    GATEWAY_ELF_EXECUTABLE_STACK  /* asks for an executable stack */
};

#define GATEWAY_NEEDED_MAX 64

/* What the file says of itself. Pointers point into the bytes that were given. */
struct gateway_elf_report {
    gateway_manifest_t manifest;
    uint32_t exported;                       /* how many symbols it exports */
    const char *stranger;                    /* one of them that is no entry; null without one */
    uint32_t forbidden_count;
    const char *forbidden[GATEWAY_NEEDED_MAX]; /* functions it asks for that rule T6 forbids */
    uint32_t needed_count;
    const char *needed[GATEWAY_NEEDED_MAX];  /* the libraries it asks for; NUL-terminated within the bytes */
};

/* Reads the file's tables. Returns one of enum gateway_elf_problem; the report is filled as far as it was read. */
int gateway_elf_inspect(const uint8_t *bytes, size_t length, struct gateway_elf_report *report);

/* Opens a library for the life of the process: bound at once, its names its own, never unloaded (rule L2). Returns its
 * entry, or null with a sentence in `reason` (NUL-terminated, at most `reason_size` bytes). */
gateway_plugin_entry_t gateway_library_open(const char *path, char *reason, size_t reason_size);

/* The folder of the Swift runtime that this process runs on, NUL-terminated; answers its length, 0 without one. */
size_t gateway_swift_runtime_folder(char *folder, size_t size);

/* What a plugin offered; null where it has none. */
struct gateway_tables {
    void *plugin;
    const gateway_lifecycle_t *lifecycle;
    const gateway_selftest_t *selftest;
    const gateway_operation_t *operation;
    const gateway_invoke_t *invoke;
    const gateway_cancel_t *cancel;
    const gateway_drain_t *drain;
    const gateway_timer_t *timer;
    const gateway_prompt_t *prompt;
    const gateway_resource_t *resource;
    const gateway_prompt_2_t *prompt_2;
    const gateway_resource_2_t *resource_2;
    const gateway_argument_completion_t *completion;
};

enum gateway_negotiation_problem {
    GATEWAY_NEGOTIATION_OK = 0,
    GATEWAY_NEGOTIATION_REFUSED,       /* the plugin will not run here; it said why */
    GATEWAY_NEGOTIATION_OTHER_LEVEL,   /* it chose a level outside the host's range (rule E4) */
    GATEWAY_NEGOTIATION_MISSING_TABLE  /* lifecycle, or a function of an offered table (rule E5); `reason` names it */
};

/* Calls the entry and finds the tables. The caller has filled isolation, names, host and host_interface. Returns one of
 * enum gateway_negotiation_problem, with a text in `reason`. */
int gateway_library_negotiate(gateway_plugin_entry_t entry, gateway_negotiation_t *negotiation,
                              struct gateway_tables *tables, char *reason, size_t reason_size);

#endif
