#define _GNU_SOURCE
#include "PluginLoader.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

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
    found.address = dlsym(library, "gateway_plugin_v1");
    if (found.address == NULL) snprintf(reason, reason_size, "the library has no symbol gateway_plugin_v1");
    return found.entry;
}

size_t gateway_swift_runtime_folder(char *folder, size_t size) {
    Dl_info found;
    void *address = dlsym(RTLD_DEFAULT, "swift_retain");
    if (address == NULL || dladdr(address, &found) == 0 || found.dli_fname == NULL) return 0;
    const char *end = strrchr(found.dli_fname, '/');
    size_t length = end == NULL ? 0 : (size_t)(end - found.dli_fname);
    if (length == 0 || length >= size) return 0;
    memcpy(folder, found.dli_fname, length);
    folder[length] = 0;
    return length;
}
