/* Parallel blocks with a schedule: one operation is called at a time, and it is known whose turn is next. */
#pragma once

#include "run.h"

bool schedule_is_on(const struct run *run);
/* Gives the lanes of the block their turns, until none has anything to do. Their threads run meanwhile. */
void schedule_block(struct run *run);

/* In the lane's thread. Returns when it is the lane's turn, or when nobody waits for it any more. */
void schedule_await_turn(struct lane *lane);
void schedule_end_turn(struct lane *lane);
