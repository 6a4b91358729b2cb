/* Barriers of a parallel block. All functions are called with the lock of the run. */
#pragma once

#include "run.h"

/* The lane stands at the barrier of ops[done]. */
void barrier_arrive(struct lane *lane, enum lane_waiting how);
/* A lane has moved on or is gone: is any barrier now one that cannot be passed any more? */
void barrier_review(struct run *run);
