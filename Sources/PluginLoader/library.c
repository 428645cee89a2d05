#define _GNU_SOURCE
#include "PluginLoader.h"

#include <dlfcn.h>
#include <stdio.h>

gateway_plugin_entry_t gateway_library_open(const char *path, char *reason, size_t reason_size) {
    /* NODELETE: closing a library that holds Swift code crashes the process later (docs/adr/0004). */
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (library == NULL) {
        const char *said = dlerror();
        snprintf(reason, reason_size, "%s", said != NULL ? said : "dlopen failed");
        return NULL;
    }
    union {
        void *address;
        gateway_plugin_entry_t entry;
    } found;
    found.address = dlsym(library, "gateway_plugin_v0");
    if (found.address == NULL) snprintf(reason, reason_size, "the library has no symbol gateway_plugin_v0");
    return found.entry;
}
