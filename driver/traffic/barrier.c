#include "barrier.h"

#include "output.h"
#include "pipe.h"

static bool waits_at(const struct lane *lane, uint32_t barrier) {
    return lane->waiting != WAITS_NOT && lane->ops[lane->done]->barrier == barrier;
}

/* May it still come, now that it does not stand there? */
static bool can_come(const struct lane *lane, uint32_t barrier) {
    bool dead = lane->state == LANE_GONE && lane_is_own_process(lane);
    return !dead && !lane->skip && lane->last_arrival && lane->last_arrival[barrier] > lane->done;
}

static bool can_move(const struct lane *lane) {
    bool dead = lane->state == LANE_GONE && lane_is_own_process(lane);
    return !dead && !lane->skip && lane->done < lane->count && lane->waiting == WAITS_NOT;
}

static void let_go(struct lane *lane, bool passed) {
    if (lane->waiting == WAITS_IN_PROCESS) {
        /* It reads nothing else at this moment, so these three bytes find room. */
        pipe_write(lane->child.input, passed ? "b1\n" : "b0\n", 3);
    }
    lane->barrier_passed = passed;
    lane->skip = !passed;
    lane->waiting = WAITS_NOT;
    WakeAllConditionVariable(&lane->changed);
}

static void let_all_go(struct run *run, uint32_t barrier, bool passed) {
    for (size_t i = 0; i < run->lane_count; i++) {
        if (waits_at(&run->lanes[i], barrier)) let_go(&run->lanes[i], passed);
    }
}

static void explain(struct run *run, const struct op *op, uint32_t come, bool is_knot) {
    struct buffer what = {0}, event = {0};
    buffer_format(&what, "barrier %t: %u of %u actors have come and the others cannot any more", op->handle, come,
                  op->number);
    if (is_knot) buffer_format(&what, ": all actors wait at barriers");
    for (size_t i = 0; i < run->lane_count; i++) {
        const struct lane *lane = &run->lanes[i];
        if (lane->count == 0 || lane->state != LANE_GONE) continue;
        buffer_format(&what, "; actor %t is gone", lane->name);
        if (lane->child.process) buffer_format(&what, " (exit code %u)", lane->exit_code);
    }
    event_error(&event, &op->id, op->line, (struct text){what.at, what.length});
    run_emit(run, &event);
    buffer_free(&what);
    buffer_free(&event);
}

/* True if it was broken. */
static bool settle(struct run *run, uint32_t barrier) {
    uint32_t come = 0, expected = 0;
    const struct op *op = NULL;
    bool any_moves = false;
    for (size_t i = 0; i < run->lane_count; i++) {
        struct lane *lane = &run->lanes[i];
        any_moves |= can_move(lane);
        if (waits_at(lane, barrier)) {
            come++;
            op = lane->ops[lane->done];
        } else {
            expected += can_come(lane, barrier);
        }
    }
    if (!op) return false;
    if (come >= op->number) {
        let_all_go(run, barrier, true);
        return false;
    }
    if (come + expected >= op->number && any_moves) return false;
    run->is_broken = run->failed = true;
    explain(run, op, come, !any_moves && come + expected >= op->number);
    let_all_go(run, barrier, false);
    return true;
}

void barrier_review(struct run *run) {
    /* A barrier that breaks takes its actors away from others: as often as that happens. */
    bool broken;
    do {
        broken = false;
        for (size_t i = 0; i < run->lane_count; i++) {
            const struct lane *lane = &run->lanes[i];
            if (lane->waiting != WAITS_NOT) broken |= settle(run, lane->ops[lane->done]->barrier);
        }
    } while (broken);
}

void barrier_arrive(struct lane *lane, enum lane_waiting how) {
    uint32_t barrier = lane->ops[lane->done]->barrier;
    lane->waiting = how;
    WakeAllConditionVariable(&lane->run->turned);
    /* The common case first: complete, and nothing else changes. */
    if (settle(lane->run, barrier) || lane->waiting != WAITS_NOT) barrier_review(lane->run);
}
