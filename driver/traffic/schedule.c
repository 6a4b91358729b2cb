#include "schedule.h"

#include "barrier.h"
#include "clock.h"

/* An operation that had returned when an order was recorded is given this much time when the order is replayed. */
#define REPLAY_MS 5000u
/* A machine that never has nothing to do: this many times the script's bound are enough. */
#define BUSY_FACTOR 30

bool schedule_is_on(const struct run *run) {
    return run->script->schedule.kind != SCHEDULE_FREE;
}

static bool is_gone(const struct lane *lane) {
    return lane->state == LANE_GONE && lane_is_own_process(lane);
}

/* What is left to do of a lane that skips or is gone needs no turn: nothing of it is called. */
static bool is_ready(const struct lane *lane) {
    return !lane->has_turn && lane->done < lane->count && !lane->skip && !is_gone(lane);
}

static bool is_in_flight(const struct lane *lane) {
    return lane->has_turn && lane->waiting == WAITS_NOT;
}

/* A sleep and a barrier return, or come to rest there, whatever the driver does. */
static bool returns_by_itself(const struct lane *lane) {
    if (lane->done == lane->count) return true;
    enum op_kind kind = lane->ops[lane->done]->kind;
    return kind == OP_SLEEP || kind == OP_BARRIER;
}

void schedule_await_turn(struct lane *lane) {
    run_lock(lane->run);
    while (!lane->has_turn && !lane->skip && !is_gone(lane)) run_wait(lane->run, lane);
    run_unlock(lane->run);
}

void schedule_end_turn(struct lane *lane) {
    run_lock(lane->run);
    lane->has_turn = false;
    WakeAllConditionVariable(&lane->run->turned);
    run_unlock(lane->run);
}

/* Events are written without the lock: our stdout may be full. */
static void tell(struct run *run, struct buffer *events) {
    if (events->length == 0) return;
    run_unlock(run);
    run_emit(run, events);
    run_lock(run);
}

static void note(const struct run *run, const struct lane *lane, const struct op *op, enum turn_event what,
                 struct buffer *events) {
    event_turn(events, run->item->id, lane->name, op->id, what);
}

/* Waits until the lane has returned or stands at a barrier. */
static bool await_rest(struct run *run, const struct lane *lane, uint32_t limit_ms) {
    int64_t limit = clock_now() + limit_ms * 1000ll;
    while (is_in_flight(lane)) {
        int64_t left = limit - clock_now();
        if (left <= 0) return false;
        run_wait_turned(run, (uint32_t)(left / 1000 + 1));
    }
    return true;
}

/* As await_rest, for an operation that may pend. On a busy machine (and a virtual one may stand still for a second)
 * the time alone says nothing: it pends if the machine has had nothing to do for so long. */
static void await_rest_or_pending(struct run *run, const struct lane *lane) {
    const uint32_t pending_ms = run->script->schedule.pending_ms;
    const int64_t limit = clock_now() + (int64_t)pending_ms * 1000 * BUSY_FACTOR;
    if (await_rest(run, lane, pending_ms)) return;
    const int64_t idle_before = clock_idle();
    while (clock_now() < limit && clock_idle() - idle_before < pending_ms * 1000ll) {
        if (await_rest(run, lane, pending_ms / 4 + 1)) return;
    }
}

static struct lane *find_certain(struct run *run) {
    for (size_t i = 0; i < run->lane_count; i++) {
        struct lane *lane = &run->lanes[i];
        if (is_in_flight(lane) && returns_by_itself(lane)) return lane;
    }
    return NULL;
}

static void await_all(struct run *run) {
    for (size_t i = 0; i < run->lane_count; i++) {
        const struct lane *lane = &run->lanes[i];
        if (is_in_flight(lane) && !returns_by_itself(lane)) await_rest_or_pending(run, lane);
    }
    /* Whoever comes to a barrier may let others go. */
    while (find_certain(run)) run_wait_turned(run, INFINITE);
}

static void note_pending(struct run *run, struct lane *lane, struct buffer *events) {
    if (!is_in_flight(lane) || lane->pending || lane->done == lane->count) return;
    lane->pending = lane->ops[lane->done];
    note(run, lane, lane->pending, TURN_PENDS, events);
}

static void note_return(struct run *run, struct lane *lane, struct buffer *events) {
    if (!lane->pending || is_in_flight(lane)) return;
    note(run, lane, lane->pending, TURN_RETURNS, events);
    lane->pending = NULL;
}

/* False if it is not ready any more: its process has died since. */
static bool grant(struct run *run, struct lane *lane, struct buffer *events) {
    note(run, lane, lane->ops[lane->done], TURN_CALLS, events);
    /* First the word, then the deed: a guest that crashes has said at what. */
    tell(run, events);
    if (!is_ready(lane)) return false;
    lane->has_turn = true;
    WakeAllConditionVariable(&lane->changed);
    return true;
}

/* SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014). */
static uint64_t draw(uint64_t *state) {
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static struct lane *draw_lane(struct run *run) {
    struct lane *ready[SCRIPT_ACTORS_MAX + 1];
    size_t count = 0;
    for (size_t i = 0; i < run->lane_count; i++) {
        if (is_ready(&run->lanes[i])) ready[count++] = &run->lanes[i];
    }
    return count > 0 ? ready[draw(&run->draws) % count] : NULL;
}

static bool is_anybody_out(const struct run *run) {
    for (size_t i = 0; i < run->lane_count; i++) {
        if (run->lanes[i].has_turn) return true;
    }
    return false;
}

static void draw_turns(struct run *run, struct buffer *events) {
    for (;;) {
        await_all(run);
        for (size_t i = 0; i < run->lane_count; i++) {
            note_pending(run, &run->lanes[i], events);
            note_return(run, &run->lanes[i], events);
        }
        tell(run, events);
        struct lane *lane = draw_lane(run);
        if (lane) {
            grant(run, lane, events);
        } else if (is_anybody_out(run)) {
            run_wait_turned(run, INFINITE);
        } else {
            return;
        }
    }
}

/* The order cannot be followed: says so, and the rest of the block is skipped. */
static void give_up(struct run *run, size_t number, unsigned line, const struct lane *lane, const char *why) {
    struct buffer what = {0}, events = {0};
    const struct script_item *item = run->item;
    buffer_format(&what, "replay: turn %d of %d of step %t cannot be taken: %t %s", (int64_t)number,
                  (int64_t)item->turn_count, item->id, lane->actor ? lane->name : LITERAL("the conductor"), why);
    event_error(&events, lane->done < lane->count ? &lane->ops[lane->done]->id : &item->id, line,
                (struct text){what.at, what.length});
    run->is_broken = run->failed = true;
    for (size_t i = 0; i < run->lane_count; i++) {
        run->lanes[i].skip = true;
        WakeAllConditionVariable(&run->lanes[i].changed);
    }
    barrier_review(run);
    tell(run, &events);
    buffer_free(&what);
    buffer_free(&events);
}

/* NULL, or why it cannot be. */
static const char *replay_turn(struct run *run, const struct turn *turn, struct lane *lane, struct buffer *events) {
    static const char not_returned[] = "has not returned, as it had when the order was recorded";
    if (turn->event == TURN_RETURNS) {
        if (!await_rest(run, lane, REPLAY_MS)) return not_returned;
        note_return(run, lane, events);
        return NULL;
    }
    await_rest(run, lane, REPLAY_MS);
    note_return(run, lane, events);
    if (is_gone(lane)) return "is gone";
    if (lane->has_turn) return "is still at an earlier operation";
    if (lane->done == lane->count) return "has nothing left to do";
    if (!grant(run, lane, events)) return "is gone";
    if (turn->event == TURN_CALLS) return await_rest(run, lane, REPLAY_MS) ? NULL : not_returned;
    await_rest_or_pending(run, lane);
    note_pending(run, lane, events);
    return NULL;
}

static void replay_turns(struct run *run, struct buffer *events) {
    const struct script_item *item = run->item;
    const struct turn *turns = run->script->turns + item->first_turn;
    for (size_t i = 0; i < item->turn_count; i++) {
        const struct turn *turn = &turns[i];
        struct lane *lane = &run->lanes[turn->actor == CONDUCTOR ? run->lane_count - 1 : (size_t)turn->actor];
        const char *why = replay_turn(run, turn, lane, events);
        tell(run, events);
        if (why) {
            give_up(run, i + 1, turn->line, lane, why);
            return;
        }
    }
    await_all(run);
    for (size_t i = 0; i < run->lane_count; i++) {
        if (!is_ready(&run->lanes[i])) continue;
        give_up(run, item->turn_count + 1, item->line, &run->lanes[i], "still has operations when the order ends");
        return;
    }
}

void schedule_block(struct run *run) {
    struct buffer events = {0};
    run_lock(run);
    if (run->script->schedule.kind == SCHEDULE_SEEDED) {
        draw_turns(run, &events);
    } else {
        replay_turns(run, &events);
    }
    run_unlock(run);
    buffer_free(&events);
}
