/* What lies in a process's memory: found, filled, asked about. */
#ifndef KDSTUB_MEMORY_H
#define KDSTUB_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "process.h"

enum memory_access { MEMORY_READ = 1, MEMORY_WRITE = 2, MEMORY_EXECUTE = 4 };

/* What may be done at an address: bits of memory_access, -1 if nothing is there. */
int memory_query(const struct process *process, uint64_t address);
/* The first place of `pattern` in `length` bytes from `address` on, across what is not there. Gives up after 64 MiB. */
bool memory_search(const struct process *process, uint64_t address, uint64_t length, const uint8_t *pattern,
                   size_t pattern_length, uint64_t *found);

#endif
