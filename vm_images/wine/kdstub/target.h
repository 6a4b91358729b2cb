/* What a target does: runs and prints, stops, answers, goes on. Turns the driver host's records into packets. */
#ifndef KDSTUB_TARGET_H
#define KDSTUB_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "link.h"
#include "messages.h"
#include "records.h"

enum target_state {
    TARGET_RUNNING,
    TARGET_AT_MODULE,    /* a module has come or gone: waits for Continue */
    TARGET_AT_EXCEPTION, /* the driver host dies: waits for Continue */
    TARGET_AT_BUGCHECK,  /* its text is out: waits for Continue */
    TARGET_AT_BREAK_IN,  /* the host wanted it: waits for Continue */
};

struct target {
    struct link link;
    struct records records;
    enum target_state state;
    unsigned build;

    bool announce; /* `stop` must be sent (again) */
    uint8_t stop[STATE_CHANGE_MAX];
    size_t stop_length;

    bool break_in; /* asked for; takes place when all records before `break_in_at` are out */
    uint64_t break_in_at;

    const uint8_t *text; /* what is left to print of the current record */
    size_t text_length;
    bool stop_after_text;
    char bugcheck_text[1024];

    uint8_t reply[REQUEST_SIZE];
    size_t reply_length;
};

void target_init(struct target *target, int carrier, int timeout, int tries, unsigned build);
/* Takes an event of the link. */
void target_handle(struct target *target, enum link_event event, const struct link_data *data);
/* Sends what there is to send, until the link is busy or there is nothing. */
void target_run(struct target *target);
/* Whether it waits for more records. */
bool target_is_hungry(const struct target *target);

#endif
