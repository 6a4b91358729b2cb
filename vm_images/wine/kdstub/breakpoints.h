/* Breakpoints that the debugger has set: 32 at most, as in NT's kernel. */
#ifndef KDSTUB_BREAKPOINTS_H
#define KDSTUB_BREAKPOINTS_H

#include <stdbool.h>
#include <stdint.h>

#include "process.h"

enum { BREAKPOINTS_MAX = 32 };

struct breakpoints {
    struct {
        const struct process *process; /* NULL: free */
        uint64_t address;
        uint8_t original;
    } entries[BREAKPOINTS_MAX];
};

/* Returns the handle, 1 or more; 0 if there is no room or no memory. An address has one breakpoint only. */
unsigned breakpoints_set(struct breakpoints *breakpoints, const struct process *process, uint64_t address);
bool breakpoints_clear(struct breakpoints *breakpoints, unsigned handle);
/* Takes those away that lie in `length` bytes from `address` on. */
void breakpoints_clear_range(struct breakpoints *breakpoints, const struct process *process, uint64_t address,
                             uint64_t length);
/* The process is gone, and with it its memory. */
void breakpoints_forget(struct breakpoints *breakpoints, const struct process *process);
bool breakpoints_any(const struct breakpoints *breakpoints, const struct process *process);
bool breakpoints_at(const struct breakpoints *breakpoints, const struct process *process, uint64_t address);

#endif
