/* What trying a plugin needs of C; used in a probe's process only. */
#ifndef GATEWAY_PROBING_H
#define GATEWAY_PROBING_H

#include <stddef.h>
#include <stdint.h>

/*
 * Makes every clock of this process pass through here: the kernel's page of fast calls (vDSO) is rewritten, and where the
 * kernel lets it, calls by number are caught too. Not seen is what reads the processor's own counter. Returns 0, or an
 * errno where this machine does not let it; then nothing has changed.
 */
int gateway_clock_take(void);

/* From now on every clock, also those of processor time, is `offset` nanoseconds further, and at each look by another
 * `step`. Clocks that count from a start never go below zero. */
void gateway_clock_move(int64_t offset, int64_t step);

/* How often any clock was looked at. */
uint64_t gateway_clock_looks(void);

/* Nanoseconds of processor time that this process has taken, wherever its clocks have been moved to. */
uint64_t gateway_processor_time(void);

/* Bytes that this process has allocated and not given back. */
uint64_t gateway_memory_used(void);

/* Puts one word in the place of another of the same size, wherever it stands in a text. */
void gateway_bytes_replace(uint8_t *text, size_t length, const uint8_t *word, const uint8_t *other, size_t size);

/* How long the report of a probe is: a file that its process maps. */
#define GATEWAY_PROBE_REPORT_BYTES (64 << 10)

/* The report's descriptor in a process that was confined as it began; -1 in every other. */
int gateway_probe_report(void);

#endif
