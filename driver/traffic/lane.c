#include "lane.h"

#include "barrier.h"
#include "clock.h"
#include "conduct.h"
#include "environment.h"
#include "listen.h"
#include "marker.h"
#include "pipe.h"
#include "schedule.h"

#define SEND_BYTES (64u * 1024u)

bool lane_is_own_process(const struct lane *lane) {
    return lane->actor && !lane->actor->is_program;
}

static bool is_for_process(const struct lane *lane, size_t position) {
    return position < lane->count && lane_is_own_process(lane) && (lane->ops[position]->performers & BY_ACTOR);
}

static void report_unstartable(struct lane *lane, uint32_t error) {
    struct buffer what = {0}, event = {0};
    buffer_format(&what, "actor %t cannot be started: Win32 error %u", lane->name, error);
    if (lane->actor->is_program) buffer_format(&what, " for program %t", lane->actor->arguments[0]);
    event_error(&event, lane->done < lane->count ? &lane->ops[lane->done]->id : NULL, lane->actor->line,
                (struct text){what.at, what.length});
    run_emit(lane->run, &event);
    buffer_free(&what);
    buffer_free(&event);
}

/* A program that has ended by then misses it, which its own end tells. */
static void give_input(struct lane *lane) {
    struct buffer bytes = {0};
    pipe_write(lane->child.input, data_place(&lane->actor->input, &bytes), lane->actor->input.length);
    buffer_free(&bytes);
    lane_close_input(lane);
}

bool lane_start(struct lane *lane) {
    struct run *run = lane->run;
    const struct script_actor *actor = lane->actor;
    struct arena arena = {0};
    if (lane->state != LANE_UNSTARTED) return lane->state != LANE_GONE;
    wchar_t *command = actor->is_program ? process_quote(&arena, actor->arguments, actor->argument_count)
                                         : process_actor_command(&arena, run->epoch_ticks, actor->raw_name);
    wchar_t *environment = environment_with(&arena, actor->variables, actor->variable_count);
    uint32_t error = process_start(actor->user, command, environment, actor->is_program, &lane->child);
    arena_reset(&arena);
    if (!error) {
        marker_process(lane->name, lane->child.pid);
        process_go(&lane->child);
        if (actor->has_input) give_input(lane);
    }
    run_lock(run);
    lane->state = error ? LANE_GONE : actor->is_program ? LANE_READY : LANE_STARTING;
    lane->started_at = clock_now();
    lane->end_reported = lane->end_told = error != 0;
    run->failed |= error != 0;
    run_unlock(run);
    if (!error) error = listen_start(lane);
    if (!error) return true;
    report_unstartable(lane, error);
    return false;
}

static void send(struct lane *lane, struct buffer *lines) {
    /* A write to a process that is gone fails; its reader sees the end and reports what becomes of the steps. */
    pipe_write(lane->child.input, lines->at, lines->length);
    lines->length = 0;
}

static size_t segment_end(const struct lane *lane) {
    size_t end = lane->done;
    while (is_for_process(lane, end)) end++;
    return end;
}

static bool note_sent(struct lane *lane, size_t end) {
    run_lock(lane->run);
    bool alive = lane->state != LANE_GONE;
    if (alive) {
        lane->sent = end;
        lane->loaded = false;
    }
    run_unlock(lane->run);
    return alive;
}

static void set_active(struct lane *lane, const struct op *op) {
    run_lock(lane->run);
    lane->active = op;
    lane->active_since = clock_now();
    lane->active_is_certain = true;
    run_unlock(lane->run);
}

void lane_load(struct lane *lane) {
    size_t end = segment_end(lane);
    struct buffer lines = {0};
    size_t first = lane->done;
    if (end == first || !note_sent(lane, end)) return;
    for (size_t i = first; i < end; i++) {
        buffer_format(&lines, "+ %t\n", lane->ops[i]->raw);
        if (lines.length >= SEND_BYTES) send(lane, &lines);
    }
    buffer_format(&lines, "L\n");
    send(lane, &lines);
    buffer_free(&lines);
}

void lane_wait_loaded(struct lane *lane) {
    run_lock(lane->run);
    while (lane->done < lane->sent && !lane->loaded) run_wait(lane->run, lane);
    run_unlock(lane->run);
}

void lane_wait_ready(struct lane *lane) {
    run_lock(lane->run);
    while (lane->state == LANE_STARTING) run_wait(lane->run, lane);
    run_unlock(lane->run);
}

void lane_go(struct lane *lane) {
    struct buffer line = {0};
    run_lock(lane->run);
    bool is_waiting = lane->done < lane->sent && !lane->active;
    if (is_waiting) {
        lane->active = lane->ops[lane->done];
        lane->active_since = clock_now();
        lane->active_is_certain = false;
    }
    run_unlock(lane->run);
    buffer_format(&line, "G\n");
    if (is_waiting) send(lane, &line);
    buffer_free(&line);
}

static void send_single(struct lane *lane) {
    struct buffer line = {0};
    const struct op *op = lane->ops[lane->done];
    if (!note_sent(lane, lane->done + 1)) return;
    set_active(lane, op);
    buffer_format(&line, "S %t\n", op->raw);
    send(lane, &line);
    buffer_free(&line);
}

static void wait_done(struct lane *lane) {
    run_lock(lane->run);
    while (lane->done < lane->sent) run_wait(lane->run, lane);
    run_unlock(lane->run);
}

static void advance(struct lane *lane, const struct outcome *outcome) {
    struct buffer event = {0};
    event_op(&event, lane->ops[lane->done], lane->name, lane->actor ? lane->child.pid : GetCurrentProcessId(), outcome);
    run_emit(lane->run, &event);
    buffer_free(&event);
    run_lock(lane->run);
    lane->done++;
    lane->sent = lane->done;
    lane->active = NULL;
    barrier_review(lane->run);
    run_unlock(lane->run);
}

static void advance_undone(struct lane *lane, bool is_gone) {
    struct outcome outcome = {.t0 = clock_now(), .gone = is_gone, .skipped = !is_gone};
    outcome.t1 = outcome.t0;
    if (!lane->end_expected) run_fail(lane->run);
    advance(lane, &outcome);
}

static void work_by_process(struct lane *lane) {
    if (lane->done == lane->sent) {
        if (!lane_start(lane)) {
            advance_undone(lane, true);
            return;
        }
        if (schedule_is_on(lane->run) || segment_end(lane) == lane->done + 1) {
            send_single(lane);
        } else {
            lane_load(lane);
            lane_wait_loaded(lane);
            lane_go(lane);
        }
        /* Gone between the look and the send: the next round sees it. */
    }
    wait_done(lane);
}

static void work_by_conductor(struct lane *lane) {
    struct outcome outcome = {0};
    set_active(lane, lane->ops[lane->done]);
    conduct(lane, lane->ops[lane->done], &outcome);
    if (outcome.gone && !lane->end_expected) run_fail(lane->run);
    advance(lane, &outcome);
}

static void work_on(struct lane *lane) {
    /* A list that was sent ends by itself, broken barrier or not. */
    if (lane->done < lane->sent) {
        wait_done(lane);
    } else if (lane->skip) {
        advance_undone(lane, false);
    } else if (is_for_process(lane, lane->done)) {
        work_by_process(lane);
    } else {
        work_by_conductor(lane);
    }
}

void lane_work(struct lane *lane) {
    bool in_turns = lane->run->item->is_parallel && schedule_is_on(lane->run);
    while (lane->done < lane->count) {
        if (in_turns) schedule_await_turn(lane);
        work_on(lane);
        if (in_turns) schedule_end_turn(lane);
    }
}

void lane_close_input(struct lane *lane) {
    run_lock(lane->run);
    HANDLE input = lane->child.input;
    lane->child.input = NULL;
    run_unlock(lane->run);
    if (input) CloseHandle(input);
}

bool lane_wait_told(struct lane *lane, uint32_t wait_ms) {
    int64_t limit = clock_now() + wait_ms * 1000ll;
    run_lock(lane->run);
    while (!lane->end_told && !lane->run->ending) {
        int64_t left = limit - clock_now();
        if (left <= 0) break;
        SleepConditionVariableCS(&lane->changed, &lane->run->lock, (DWORD)(left / 1000 + 1));
    }
    bool told = lane->end_told;
    run_unlock(lane->run);
    return told;
}
