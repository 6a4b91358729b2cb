#include "breakpoints.h"

#include <stddef.h>

static const uint8_t INT3 = 0xCC;

unsigned breakpoints_set(struct breakpoints *breakpoints, const struct process *process, uint64_t address)
{
    unsigned free = BREAKPOINTS_MAX;
    for (unsigned i = BREAKPOINTS_MAX; i-- > 0;) {
        if (!breakpoints->entries[i].process)
            free = i;
        else if (breakpoints->entries[i].process == process && breakpoints->entries[i].address == address)
            return i + 1;
    }
    uint8_t original;
    if (free == BREAKPOINTS_MAX || process_read(process, address, &original, 1) != 1 ||
        process_write(process, address, &INT3, 1) != 1)
        return 0;
    breakpoints->entries[free].process = process;
    breakpoints->entries[free].address = address;
    breakpoints->entries[free].original = original;
    return free + 1;
}

bool breakpoints_clear(struct breakpoints *breakpoints, unsigned handle)
{
    if (handle < 1 || handle > BREAKPOINTS_MAX || !breakpoints->entries[handle - 1].process)
        return false;
    const struct process *process = breakpoints->entries[handle - 1].process;
    uint64_t address = breakpoints->entries[handle - 1].address;
    uint8_t now;
    /* Whatever else is there now, code of another image perhaps, is none of ours. */
    if (process_read(process, address, &now, 1) == 1 && now == INT3)
        process_write(process, address, &breakpoints->entries[handle - 1].original, 1);
    breakpoints->entries[handle - 1].process = NULL;
    return true;
}

void breakpoints_clear_range(struct breakpoints *breakpoints, const struct process *process, uint64_t address,
                             uint64_t length)
{
    for (unsigned i = 0; i < BREAKPOINTS_MAX; i++)
        if (breakpoints->entries[i].process == process && breakpoints->entries[i].address - address < length)
            breakpoints_clear(breakpoints, i + 1);
}

void breakpoints_forget(struct breakpoints *breakpoints, const struct process *process)
{
    for (unsigned i = 0; i < BREAKPOINTS_MAX; i++)
        if (breakpoints->entries[i].process == process)
            breakpoints->entries[i].process = NULL;
}

bool breakpoints_any(const struct breakpoints *breakpoints, const struct process *process)
{
    for (unsigned i = 0; i < BREAKPOINTS_MAX; i++)
        if (breakpoints->entries[i].process == process)
            return true;
    return false;
}

bool breakpoints_at(const struct breakpoints *breakpoints, const struct process *process, uint64_t address)
{
    for (unsigned i = 0; i < BREAKPOINTS_MAX; i++)
        if (breakpoints->entries[i].process == process && breakpoints->entries[i].address == address)
            return true;
    return false;
}
