/* What a sandbox asks of Landlock, by the version that the kernel speaks; used by the worker, tried by tests. */
#ifndef GATEWAY_FILE_RULES_H
#define GATEWAY_FILE_RULES_H

#include <stddef.h>
#include <stdint.h>

/* Landlock by its numbers: Debian 12's header is older than the kernels that run it. */
#define GATEWAY_LANDLOCK_EXECUTE (1ull << 0)
#define GATEWAY_LANDLOCK_READ_FILE (1ull << 2)
#define GATEWAY_LANDLOCK_READ_FOLDER (1ull << 3)

/* As the kernel reads it; an older one reads only its beginning. */
struct gateway_file_rules {
    uint64_t files;   /* what is forbidden unless a rule allows it */
    uint64_t network; /* TCP */
    uint64_t scoped;  /* abstract sockets, and signals, of whoever is outside */
};

/* Every right that Landlock has in this version. Returns how much of the structure such a kernel reads, 0 for none. */
size_t gateway_file_rules(long version, struct gateway_file_rules *rules);

/* The names of the rights that this version lacks, one a line; returns the length of the text. */
size_t gateway_file_rules_lacking(long version, char *text, size_t size);

#endif
