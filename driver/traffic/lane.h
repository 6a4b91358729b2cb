/* One actor as the conductor sees it, or the conductor's own lane: a process, its pipes, the work in hand. */
#pragma once

#include "event.h"
#include "process.h"
#include "script.h"

enum lane_state {
    LANE_UNSTARTED,
    LANE_STARTING, /* the process exists; its first word has not come */
    LANE_READY,
    LANE_GONE, /* ended, or could not be started */
};

enum lane_waiting {
    WAITS_NOT,
    WAITS_IN_PROCESS, /* the actor process stands at a barrier */
    WAITS_HERE,       /* the conductor stands there for it */
};

struct run;

/* All fields behind `state` belong to the lock of the run; a change is signalled by `changed`. */
struct lane {
    struct run *run;
    const struct script_actor *actor; /* NULL: the conductor's own */
    struct text name;
    struct child child;
    HANDLE error_reader;
    CONDITION_VARIABLE changed;

    enum lane_state state;
    int64_t started_at;
    bool end_expected; /* a step wants the process to end */
    bool end_reported, end_told;
    uint32_t exit_code;

    /* The work of the current item. ops[done..sent) are with the actor process. */
    const struct op **ops;
    size_t count, done, sent;
    bool loaded;
    bool skip; /* behind a broken barrier */
    enum lane_waiting waiting;
    bool barrier_passed;
    uint32_t *last_arrival; /* per barrier of the block: position of its last use + 1, 0: none */

    bool has_turn;            /* in a block with a schedule: it is at ops[done] */
    const struct op *pending; /* others have had their turns since this was called */

    const struct op *active; /* what runs now, since when (microseconds) */
    int64_t active_since;
    /* False in a list, where results come in batches: it may have ended, and others after it. */
    bool active_is_certain;

    struct text awaited; /* type: the text to come on the program's stdout */
    struct buffer heard;
    bool found;
};

bool lane_is_own_process(const struct lane *lane);

/* Starts the process unless it was. False: it is gone (an error event says why, if it could not be started). */
bool lane_start(struct lane *lane);
/* Sends the actor's operations from `done` up to the first that is the conductor's; returns without waiting. */
void lane_load(struct lane *lane);
void lane_wait_loaded(struct lane *lane);
/* Waits until a process that was started has said its first word, or is gone. */
void lane_wait_ready(struct lane *lane);
void lane_go(struct lane *lane);
/* Does everything up to `count`. */
void lane_work(struct lane *lane);

/* Closes the process's stdin. */
void lane_close_input(struct lane *lane);
/* Waits until the end of the process has been reported; false after `wait_ms`. */
bool lane_wait_told(struct lane *lane, uint32_t wait_ms);
