#define _GNU_SOURCE
#include "memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { CHUNK = 64 * 1024, SEARCH_MAX = 64 * 1024 * 1024 };

struct region {
    uint64_t start, end;
    char access[5];
};

static FILE *open_maps(const struct process *process)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/maps", (int)process->pid);
    return fopen(path, "re");
}

static bool next_region(FILE *maps, struct region *region)
{
    char line[512];
    bool begins = true;
    while (fgets(line, sizeof line, maps)) {
        bool is_region = begins && sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s", &region->start, &region->end,
                                          region->access) == 3;
        begins = strchr(line, '\n') != NULL;
        if (is_region)
            return true;
    }
    return false;
}

int memory_query(const struct process *process, uint64_t address)
{
    struct region region;
    int access = -1;
    FILE *maps = open_maps(process);
    while (maps && access < 0 && next_region(maps, &region))
        if (address >= region.start && address < region.end)
            access = (region.access[0] == 'r' ? MEMORY_READ : 0) | (region.access[1] == 'w' ? MEMORY_WRITE : 0) |
                     (region.access[2] == 'x' ? MEMORY_EXECUTE : 0);
    if (maps)
        fclose(maps);
    return access;
}

/* In [start, end), which is there. Chunks overlap, so that a pattern may lie across. */
static bool search_range(const struct process *process, uint64_t start, uint64_t end, const uint8_t *pattern,
                         size_t pattern_length, uint64_t *found)
{
    static uint8_t chunk[CHUNK];
    while (end - start >= pattern_length) {
        size_t wanted = end - start < CHUNK ? (size_t)(end - start) : CHUNK;
        size_t length = process_read(process, start, chunk, wanted);
        const uint8_t *at = memmem(chunk, length, pattern, pattern_length);
        if (at) {
            *found = start + (uint64_t)(at - chunk);
            return true;
        }
        if (length < wanted || wanted < CHUNK)
            return false;
        start += wanted - pattern_length + 1;
    }
    return false;
}

bool memory_search(const struct process *process, uint64_t address, uint64_t length, const uint8_t *pattern,
                   size_t pattern_length, uint64_t *found)
{
    struct region region;
    uint64_t end = length > UINT64_MAX - address ? UINT64_MAX : address + length;
    uint64_t left = SEARCH_MAX, joined = 0;
    bool is_found = false;
    if (pattern_length == 0 || pattern_length > CHUNK / 2)
        return false;
    FILE *maps = open_maps(process);
    while (maps && !is_found && left && next_region(maps, &region)) {
        uint64_t start = region.start > address ? region.start : address;
        uint64_t stop = region.end < end ? region.end : end;
        if (region.access[0] != 'r' || start >= stop)
            continue;
        /* It may begin at the end of the region before. */
        if (start == joined && start - address >= pattern_length - 1)
            start -= pattern_length - 1;
        if (stop - start > left)
            stop = start + left;
        left -= stop - start;
        is_found = search_range(process, start, stop, pattern, pattern_length, found);
        joined = stop;
    }
    if (maps)
        fclose(maps);
    return is_found;
}
