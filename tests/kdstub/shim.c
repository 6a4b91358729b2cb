/* The stub without its main loop, for tests in which time is a number. */
#include <stdlib.h>
#include <string.h>

#include "target.h"

struct target *shim_new(int carrier, int timeout, int tries)
{
    struct target *target = malloc(sizeof *target);
    target_init(target, carrier, timeout, tries, 19043, NULL);
    return target;
}

void shim_free(struct target *target)
{
    free(target);
}

/* A snapshot is a copy of everything. */
struct target *shim_copy(const struct target *target)
{
    struct target *copy = malloc(sizeof *copy);
    *copy = *target;
    if (target->text && !target->stop_after_text)
        copy->text = copy->records.buffer + (target->text - target->records.buffer);
    else if (target->text)
        copy->text = (const uint8_t *)copy->bugcheck_text + (target->text - (const uint8_t *)target->bugcheck_text);
    return copy;
}

void shim_receive(struct target *target, const uint8_t *bytes, size_t length, int64_t now)
{
    struct link_data data;
    enum link_event event;
    while (length > 0) {
        size_t room;
        uint8_t *to = link_room(&target->link, &room);
        size_t part = length < room ? length : room;
        memcpy(to, bytes, part);
        link_feed(&target->link, part, now);
        bytes += part;
        length -= part;
        while ((event = link_next(&target->link, now, &data)) != LINK_NOTHING)
            target_handle(target, event, &data);
    }
}

/* What a turn of the main loop does at the time `now`; returns how many bytes went to `to`. */
size_t shim_turn(struct target *target, uint8_t *to, size_t size, int64_t now)
{
    size_t length;
    struct link_data data;
    enum link_event event;
    while ((event = link_next(&target->link, now, &data)) != LINK_NOTHING)
        target_handle(target, event, &data);
    target_handle(target, link_tick(&target->link, now, true), NULL);
    target_run(target);
    if (target_is_hungry(target)) {
        records_fill(&target->records);
        target_run(target);
    }
    target_bury(target);
    const uint8_t *bytes = link_output(&target->link, &length);
    if (length > size)
        length = size;
    memcpy(to, bytes, length);
    link_sent(&target->link, length);
    return length;
}

int64_t shim_due(const struct target *target)
{
    return link_due(&target->link);
}
