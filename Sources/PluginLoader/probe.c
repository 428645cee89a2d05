/*
 * What a confined probe does before anything else of its program runs. Linux confines threads one by one, and by the time
 * that a Swift program reads its arguments there are several; so this comes first, and only in a process that was started
 * as one:
 *
 *     mpesa-gateway plugin probe NAME LIBRARY SEED REPORT confined HOST USER MEMORY_BYTES THREADS_MAX [READABLE_FOLDER]...
 */
#define _GNU_SOURCE
#include "Confinement.h"
#include "Probing.h"
#include "gateway/plugin.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define REPORT 3
#define FIRST_OF_CONFINEMENT 7

static int report = -1;

int gateway_probe_report(void) { return report; }

void gateway_bytes_replace(uint8_t *text, size_t length, const uint8_t *word, const uint8_t *other, size_t size) {
    uint8_t *end = text + length, *found;
    while ((found = memmem(text, (size_t)(end - text), word, size)) != NULL) {
        memcpy(found, other, size);
        text = found + size;
    }
}

/* What the program itself has mapped already, and what probes keep: what they lend is not given back. */
static uint64_t own_bytes(void) {
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL) return 0;
    if (fscanf(file, "%lu", &pages) != 1) pages = 0;
    fclose(file);
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE) + (512ull << 20);
}

/* Leaves the reason where whoever started this process reads what was found. */
static void refuse(const char *text) {
    char *memory = mmap(NULL, GATEWAY_PROBE_REPORT_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, REPORT, 0);
    if (memory == MAP_FAILED) _exit(6);
    uint32_t length = (uint32_t)snprintf(memory + sizeof length, GATEWAY_CONFINEMENT_TEXT_MAX + 64,
                                         "it cannot be confined: %s", text);
    memcpy(memory, &length, sizeof length);
    _exit(6);
}

__attribute__((constructor)) static void begin(int count, char **arguments) {
    if (count < FIRST_OF_CONFINEMENT + 5 || strcmp(arguments[1], "plugin") != 0 || strcmp(arguments[2], "probe") != 0 ||
        strcmp(arguments[FIRST_OF_CONFINEMENT], "confined") != 0) {
        return;
    }
    char **orders = arguments + FIRST_OF_CONFINEMENT + 1;
    int file = open(arguments[6], O_RDWR | O_CLOEXEC);
    if (file < 0 || dup2(file, REPORT) < 0) _exit(6);
    if (file != REPORT) close(file);
    report = REPORT;
    uint64_t memory = strtoull(orders[2], NULL, 10);
    struct gateway_confinement confinement = {
        .isolation = GATEWAY_ISOLATION_SANDBOX,
        .memory_bytes = memory > 0 ? memory + own_bytes() : 0,
        .user = (uint32_t)strtoul(orders[1], NULL, 10),
        .threads_max = strtoull(orders[3], NULL, 10),
        .host = (int32_t)strtol(orders[0], NULL, 10),
        .library = -1,
        .kept = REPORT,
        .readable = orders + 4,
    };
    char text[GATEWAY_CONFINEMENT_TEXT_MAX] = "";
    if (gateway_confine(&confinement, text, sizeof text) != 0) refuse(text);
}
