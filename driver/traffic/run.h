/* The state of one run of a script, shared by the conductor's threads. */
#pragma once

#include "lane.h"

struct run {
    const struct script *script;
    int64_t epoch_ticks;
    struct lane *lanes; /* one per actor, then the conductor's own */
    size_t lane_count;

    CRITICAL_SECTION lock;
    CONDITION_VARIABLE turned; /* a lane has returned or stands at a barrier: for who gives the turns */
    uint64_t draws;            /* of the seeded schedule: the state of its random numbers */
    bool ending; /* a time-out or a lost stdout: nothing more is started or reported */
    bool failed;
    bool is_broken; /* a barrier, or the order of a block: the script ends behind the block */
    bool closing; /* all steps are done; the actors end */
    const struct script_item *item; /* what is being done, since when */
    int64_t item_since;
};

void run_lock(struct run *run);
void run_unlock(struct run *run);
/* Waits for a change of the lane; to be called with the lock. Does not return once the run is ending. */
void run_wait(struct run *run, struct lane *lane);
/* Waits for `turned`, with the lock; INFINITE or milliseconds. Does not return once the run is ending. */
void run_wait_turned(struct run *run, uint32_t wait_ms);
/* Writes the events unless the run is ending; the buffer is empty afterwards. */
void run_emit(struct run *run, struct buffer *events);
void run_fail(struct run *run);

/* Time-outs. `run_time_out` reports what is pending, ends all processes and this one. */
bool run_start_watch(struct run *run);
void run_time_out(struct run *run, const struct text *id, struct text what) __attribute__((noreturn));
