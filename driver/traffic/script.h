/* A whole script, checked: nothing of it is wrong that can be known before anything runs. */
#pragma once

#include "op.h"

#define SCRIPT_ACTORS_MAX 64
#define SCRIPT_STEPS_MAX 100000
#define SCRIPT_BYTES_MAX (512u * 1024u * 1024u)

struct script_actor {
    struct text name;
    struct text raw_name;
    bool is_program;
    struct text *arguments; /* [0] is the program's path */
    size_t argument_count;
    struct text user; /* empty: this program's own */
    struct text *variables; /* of a program: name, value, name, value, ... */
    size_t variable_count, variable_capacity; /* of names and values together */
    bool has_input;
    struct data input; /* what a program finds on its stdin, which then ends */
    unsigned line;
    unsigned ended_line; /* of the step that ends the process; 0: none */
    const char *ended_by;
};

struct barrier {
    struct text name;
    uint32_t count;
    unsigned line;
};

enum schedule_kind {
    SCHEDULE_FREE,   /* in a block everybody goes as he can */
    SCHEDULE_SEEDED, /* the turns are drawn */
    SCHEDULE_REPLAY, /* the turns are in the script */
};

struct schedule {
    enum schedule_kind kind;
    uint32_t seed;
    uint32_t pending_ms; /* an operation that takes longer lets others go on */
};

struct turn {
    int actor; /* or CONDUCTOR */
    enum turn_event event;
    unsigned line;
};

/* A single step or a parallel block. */
struct script_item {
    bool is_parallel;
    struct text id;
    unsigned line;
    uint32_t timeout_ms;
    size_t first_op, op_count;
    size_t first_barrier, barrier_count;
    size_t first_turn, turn_count;
};

struct script {
    struct arena arena;
    uint32_t deadline_ms;
    bool has_markers;
    struct schedule schedule;
    struct script_actor *actors;
    size_t actor_count, actor_capacity;
    struct op *ops;
    size_t op_count, op_capacity;
    struct barrier *barriers;
    size_t barrier_count, barrier_capacity;
    struct turn *turns;
    size_t turn_count, turn_capacity;
    struct script_item *items;
    size_t item_count, item_capacity;
};

struct script_fault {
    unsigned line;
    struct buffer what;
};

/* `source` must live as long as the script. False: `fault` says where and what would be right. */
bool script_parse(struct script *script, struct text source, struct script_fault *fault);
