#include "conduct.h"

#include "barrier.h"
#include "clock.h"
#include "listen.h"
#include "pipe.h"
#include "service.h"

#define LAST_WORDS_MS 1000u
#define KILLED_CODE 1u

static void conduct_service(const struct op *op, struct outcome *outcome) {
    struct arena arena = {0};
    enum service_action action = (enum service_action)op->number;
    const wchar_t *name = text_to_wide(&arena, op->handle);
    const wchar_t *path = service_action_has_path(action) ? text_to_wide(&arena, op->path) : NULL;
    const struct verifier *verifier = op->is_verified ? &op->verifier : NULL;
    struct service_result result = service_perform(action, name, path, verifier, op->timeout_ms);
    outcome->ok = result.error == 0;
    outcome->error = result.error;
    outcome->part = result.part;
    outcome->state = result.state;
    outcome->has_verified = result.has_verified;
    outcome->verified = result.verified;
    arena_reset(&arena);
}

static void expect_end(struct lane *lane) {
    run_lock(lane->run);
    lane->end_expected = true;
    run_unlock(lane->run);
}

/* The process ends or the watch ends us. */
static void await_end(struct lane *lane, struct outcome *outcome) {
    WaitForSingleObject(lane->child.process, INFINITE);
    /* Its reader reports the end after its last words; a grandchild that holds the pipe must not delay us. */
    if (!lane_wait_told(lane, LAST_WORDS_MS)) listen_report_end(lane);
    outcome->ok = true;
    outcome->has_code = true;
    outcome->code = lane->exit_code;
}

static void conduct_kill(struct lane *target, struct outcome *outcome) {
    if (!target->child.process) {
        outcome->what = "the actor was not started";
        outcome->gone = target->state == LANE_GONE;
        return;
    }
    expect_end(target);
    if (!TerminateProcess(target->child.process, KILLED_CODE)) {
        uint32_t error = GetLastError();
        if (WaitForSingleObject(target->child.process, 0) != WAIT_OBJECT_0) {
            outcome->error = error;
            return;
        }
    }
    await_end(target, outcome);
}

static void conduct_wait(struct lane *lane, struct outcome *outcome) {
    if (!lane_start(lane) && !lane->child.process) {
        outcome->gone = true;
        return;
    }
    expect_end(lane);
    lane_close_input(lane);
    await_end(lane, outcome);
}

static void await_text(struct lane *lane, struct outcome *outcome) {
    run_lock(lane->run);
    while (!lane->found && !lane->end_told) run_wait(lane->run, lane);
    outcome->ok = lane->found;
    outcome->gone = !lane->found;
    run_unlock(lane->run);
    if (!outcome->gone) return;
    outcome->has_code = true;
    outcome->code = lane->exit_code;
    outcome->what = "the program ended before it printed the awaited text";
}

static void conduct_type(struct lane *lane, const struct op *op, struct outcome *outcome) {
    struct buffer typed = {0}, awaited = {0};
    const char *bytes = data_place(&op->input, &typed);
    const char *needle = data_place(&op->output, &awaited);
    run_lock(lane->run);
    lane->heard.length = 0;
    lane->found = false;
    lane->awaited = (struct text){needle, op->output.length};
    run_unlock(lane->run);
    if (!lane_start(lane)) {
        outcome->gone = true;
    } else {
        outcome->error = pipe_write(lane->child.input, bytes, op->input.length);
        outcome->moved = outcome->error ? 0 : op->input.length;
        outcome->ok = outcome->error == 0;
        if (outcome->ok && needle) await_text(lane, outcome);
    }
    run_lock(lane->run);
    lane->awaited = (struct text){0};
    run_unlock(lane->run);
    buffer_free(&typed);
    buffer_free(&awaited);
}

static void conduct_barrier(struct lane *lane, struct outcome *outcome) {
    run_lock(lane->run);
    barrier_arrive(lane, WAITS_HERE);
    while (lane->waiting != WAITS_NOT) run_wait(lane->run, lane);
    outcome->ok = lane->barrier_passed;
    run_unlock(lane->run);
    if (!outcome->ok) outcome->what = "the barrier is broken: an actor that it needs cannot come";
}

void conduct(struct lane *lane, const struct op *op, struct outcome *outcome) {
    outcome->t0 = clock_now();
    switch (op->kind) {
    case OP_SERVICE: conduct_service(op, outcome); break;
    case OP_SLEEP:
        Sleep(op->number);
        outcome->ok = true;
        break;
    case OP_KILL: conduct_kill(&lane->run->lanes[op->target], outcome); break;
    case OP_WAIT: conduct_wait(lane, outcome); break;
    case OP_TYPE: conduct_type(lane, op, outcome); break;
    default: conduct_barrier(lane, outcome); break;
    }
    outcome->t1 = clock_now();
}
