/* What the two halves of the script parser share: lines and blocks (script.c), steps (script_step.c), schedules
 * (script_schedule.c). */
#pragma once

#include "script.h"

#define MILLISECONDS_MAX 86400000u

struct parser {
    struct script *script;
    struct script_fault *fault;
    unsigned line;
    struct script_item *block; /* the open parallel block */
    /* Handle names that some step so far opens. */
    struct opened {
        int actor;
        struct text handle;
    } *opened;
    size_t opened_count, opened_capacity;
};

/* Always false, for `return FAULT(...)`. */
#define FAULT(parser, ...) \
    (buffer_format(&(parser)->fault->what, __VA_ARGS__), (parser)->fault->line = (parser)->line, false)
#define GROW(array, count, capacity) array_reserve((void **)&(array), &(capacity), (count), sizeof((array)[0]))

/* CONDUCTOR: there is none. */
int script_find_actor(const struct script *script, struct text name);
/* The next token of the line, decoded. */
bool script_next(struct parser *parser, struct text *rest, struct text *token);

/* `rest` is the line behind `step`. */
bool script_parse_step(struct parser *parser, struct text rest);
/* `rest` is the line behind `schedule`. */
bool script_parse_schedule(struct parser *parser, struct text rest);
/* `rest` is the line behind `turn`. */
bool script_parse_turn(struct parser *parser, struct text rest);
/* The actors that a step ends cannot be used by later ones. */
void script_note_end(struct parser *parser, const struct op *op);
