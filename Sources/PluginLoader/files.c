#define _GNU_SOURCE
#include "FileRules.h"
#include "Confinement.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif
#define RULE_BENEATH 1
#define ASK_VERSION 1
struct rule {
    uint64_t allowed;
    int32_t folder;
} __attribute__((packed));

static int add(int set, uint64_t allowed, int descriptor) {
    struct rule rule = {allowed, descriptor};
    return (int)syscall(SYS_landlock_add_rule, set, RULE_BENEATH, &rule, 0);
}

static int allow(int set, const char *path) {
    int descriptor = open(path, O_PATH | O_CLOEXEC);
    if (descriptor < 0) return errno == ENOENT ? 0 : -1;
    int is_file = strstr(path, ".cache") != NULL;
    uint64_t in_folder = GATEWAY_LANDLOCK_EXECUTE | GATEWAY_LANDLOCK_READ_FILE | GATEWAY_LANDLOCK_READ_FOLDER;
    int status = add(set, is_file ? GATEWAY_LANDLOCK_READ_FILE : in_folder, descriptor);
    close(descriptor);
    return status;
}

/* What the plugin may read: the C library, Swift's runtime, and its own file. Nothing may be written. */
int gateway_restrict_files(const struct gateway_confinement *settings, char *missing, size_t missing_size) {
    struct gateway_file_rules rules;
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, ASK_VERSION);
    size_t size = gateway_file_rules(version, &rules);
    if (size == 0) return -1;
    gateway_file_rules_lacking(version, missing, missing_size);
    int set = (int)syscall(SYS_landlock_create_ruleset, &rules, size, 0);
    if (set < 0) return -1;
    static const char *const always[] = {"/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache"};
    for (size_t index = 0; index < sizeof always / sizeof always[0]; index++) {
        if (allow(set, always[index]) != 0) return -1;
    }
    for (char *const *path = settings->readable; *path != NULL; path++) {
        if (allow(set, *path) != 0) return -1;
    }
    uint64_t own = GATEWAY_LANDLOCK_EXECUTE | GATEWAY_LANDLOCK_READ_FILE;
    if (settings->library >= 0 && add(set, own, settings->library) != 0) return -1;
    if (syscall(SYS_landlock_restrict_self, set, 0) != 0) return -1;
    return close(set);
}
