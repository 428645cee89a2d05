#include "FileRules.h"

#include <stdio.h>

/* The rights that each version of Landlock added to those of version 1. */
static const struct {
    long version;
    struct gateway_file_rules rules;
    const char *name;
} added[] = {
    {2, {.files = 1ull << 13}, "landlock refer"},
    {3, {.files = 1ull << 14}, "landlock truncate"},
    {4, {.network = 1ull << 0}, "landlock bind_tcp"},
    {4, {.network = 1ull << 1}, "landlock connect_tcp"},
    {5, {.files = 1ull << 15}, "landlock ioctl_dev"},
    {6, {.scoped = 1ull << 0}, "landlock scope abstract_unix_socket"},
    {6, {.scoped = 1ull << 1}, "landlock scope signal"},
};
enum { ADDED = sizeof added / sizeof added[0] };

size_t gateway_file_rules(long version, struct gateway_file_rules *rules) {
    *rules = (struct gateway_file_rules){.files = (1ull << 13) - 1};
    if (version < 1) return 0;
    for (size_t index = 0; index < ADDED; index++) {
        if (added[index].version > version) continue;
        rules->files |= added[index].rules.files;
        rules->network |= added[index].rules.network;
        rules->scoped |= added[index].rules.scoped;
    }
    if (version < 4) return offsetof(struct gateway_file_rules, network);
    return version < 6 ? offsetof(struct gateway_file_rules, scoped) : sizeof *rules;
}

size_t gateway_file_rules_lacking(long version, char *text, size_t size) {
    size_t length = 0;
    if (size > 0) text[0] = 0;
    for (size_t index = 0; index < ADDED; index++) {
        if (added[index].version <= version) continue;
        int written = snprintf(text + length, size - length, "%s%s", length > 0 ? "\n" : "", added[index].name);
        if (written < 0 || (size_t)written >= size - length) break;
        length += (size_t)written;
    }
    return length;
}
