#include "conductor.h"

#include "clock.h"
#include "marker.h"
#include "output.h"
#include "pipe.h"
#include "run.h"
#include "schedule.h"

#define ACTOR_END_MS 10000u
#define PROGRAM_END_MS 2000u
#define LAST_WRITE_MS 10000u
#define READ_LIMIT_MS 60000u

static volatile bool script_is_read;

static __attribute__((noreturn)) void stdout_lost(void) {
    process_end_job();
    process_leave(CONDUCTOR_FAILED);
}

static void start_lanes(struct run *run) {
    const struct script *script = run->script;
    run->lane_count = script->actor_count + 1;
    run->lanes = memory_new(run->lane_count * sizeof(struct lane));
    for (size_t i = 0; i < run->lane_count; i++) {
        struct lane *lane = &run->lanes[i];
        lane->run = run;
        lane->actor = i < script->actor_count ? &script->actors[i] : NULL;
        lane->name = lane->actor ? lane->actor->name : LITERAL("-");
        InitializeConditionVariable(&lane->changed);
    }
}

static struct lane *lane_of(struct run *run, const struct op *op) {
    return &run->lanes[op->actor == CONDUCTOR ? run->lane_count - 1 : (size_t)op->actor];
}

/* Hands the operations of the item to the lanes, in order. The arrays live until release_work. */
struct work {
    const struct op **ops;
    uint32_t *last_arrival;
};

static void share_out(struct run *run, const struct script_item *item, struct work *work) {
    const struct op *ops = run->script->ops + item->first_op;
    size_t next = 0;
    work->ops = memory_new((item->op_count + 1) * sizeof(struct op *));
    work->last_arrival = memory_new(run->lane_count * item->barrier_count * sizeof(uint32_t) + 1);
    run_lock(run);
    for (size_t i = 0; i < item->op_count; i++) lane_of(run, &ops[i])->count++;
    for (size_t i = 0; i < run->lane_count; i++) {
        struct lane *lane = &run->lanes[i];
        lane->ops = work->ops + next;
        lane->last_arrival = item->barrier_count ? work->last_arrival + i * item->barrier_count : NULL;
        next += lane->count;
        lane->count = 0;
    }
    for (size_t i = 0; i < item->op_count; i++) {
        struct lane *lane = lane_of(run, &ops[i]);
        lane->ops[lane->count++] = &ops[i];
        if (ops[i].kind == OP_BARRIER) lane->last_arrival[ops[i].barrier] = (uint32_t)lane->count;
    }
    run_unlock(run);
}

static void release_work(struct run *run, struct work *work) {
    run_lock(run);
    for (size_t i = 0; i < run->lane_count; i++) {
        struct lane *lane = &run->lanes[i];
        lane->ops = NULL;
        lane->last_arrival = NULL;
        lane->count = lane->done = lane->sent = 0;
        lane->active = lane->pending = NULL;
    }
    run->item = NULL;
    run_unlock(run);
    memory_free(work->ops);
    memory_free(work->last_arrival);
}

static void begin_item(struct run *run, const struct script_item *item) {
    run_lock(run);
    run->item = item;
    run->item_since = clock_now();
    run_unlock(run);
}

static void announce(struct run *run, const struct script_item *item, const char *edge) {
    const struct lane *lane = item->is_parallel ? NULL : lane_of(run, &run->script->ops[item->first_op]);
    marker_step(item->id, lane && lane->actor ? &lane->name : NULL, lane ? lane->child.pid : 0, edge);
}

static void run_step(struct run *run, const struct script_item *item) {
    struct work work;
    share_out(run, item, &work);
    announce(run, item, MARKER_BEGIN);
    begin_item(run, item);
    lane_work(lane_of(run, &run->script->ops[item->first_op]));
    release_work(run, &work);
}

static DWORD WINAPI lane_thread(void *lane) {
    lane_work(lane);
    return 0;
}

/* Does the conductor have a hand in this lane, or does the actor do it all from its list? */
static bool needs_conductor(const struct lane *lane) {
    if (!lane_is_own_process(lane)) return true;
    for (size_t i = 0; i < lane->count; i++) {
        if (!(lane->ops[i]->performers & BY_ACTOR)) return true;
    }
    return false;
}

static void work_lanes(struct run *run) {
    HANDLE threads[SCRIPT_ACTORS_MAX + 1] = {0};
    const bool in_turns = schedule_is_on(run);
    for (size_t i = 0; i < run->lane_count; i++) {
        struct lane *lane = &run->lanes[i];
        if (lane->count == 0 || (!in_turns && !needs_conductor(lane))) continue;
        threads[i] = CreateThread(NULL, 0, lane_thread, lane, 0, NULL);
        if (!threads[i]) run_time_out(run, &run->item->id, LITERAL("no thread could be created for an actor"));
    }
    if (in_turns) schedule_block(run);
    for (size_t i = 0; i < run->lane_count; i++) {
        if (threads[i]) {
            WaitForSingleObject(threads[i], INFINITE);
            CloseHandle(threads[i]);
        } else {
            lane_work(&run->lanes[i]);
        }
    }
}

/* First everybody gets the whole list, then everybody may go: the actors meet, however long starting takes.
 * With a schedule they get their operations one by one. */
static void run_block(struct run *run, const struct script_item *item) {
    struct work work;
    share_out(run, item, &work);
    for (size_t i = 0; i + 1 < run->lane_count; i++) {
        if (run->lanes[i].count > 0) lane_start(&run->lanes[i]);
    }
    if (schedule_is_on(run)) {
        for (size_t i = 0; i < run->lane_count; i++) lane_wait_ready(&run->lanes[i]);
    } else {
        for (size_t i = 0; i < run->lane_count; i++) lane_load(&run->lanes[i]);
        for (size_t i = 0; i < run->lane_count; i++) lane_wait_loaded(&run->lanes[i]);
    }
    announce(run, item, MARKER_BEGIN);
    begin_item(run, item);
    if (!schedule_is_on(run)) {
        for (size_t i = 0; i < run->lane_count; i++) lane_go(&run->lanes[i]);
    }
    work_lanes(run);
    release_work(run, &work);
}

static void end_actors(struct run *run) {
    run_lock(run);
    run->closing = true;
    run_unlock(run);
    for (size_t i = 0; i < run->lane_count; i++) {
        struct lane *lane = &run->lanes[i];
        if (!lane->child.process) continue;
        run_lock(run);
        lane->end_expected = true;
        lane->active_since = clock_now();
        run_unlock(run);
        lane_close_input(lane);
    }
    for (size_t i = 0; i < run->lane_count; i++) {
        struct lane *lane = &run->lanes[i];
        if (!lane->child.process) continue;
        if (lane_is_own_process(lane)) {
            if (lane_wait_told(lane, ACTOR_END_MS)) continue;
            run_time_out(run, NULL, LITERAL("an actor does not end 10000 ms after the last step: a driver holds it"));
        }
        if (lane_wait_told(lane, PROGRAM_END_MS)) continue;
        TerminateProcess(lane->child.process, 1);
        if (lane_wait_told(lane, PROGRAM_END_MS)) continue;
        run_time_out(run, NULL, LITERAL("a program was ended and does not go: a driver or a child holds it"));
    }
}

static int run_script(const struct script *script, int64_t epoch_ticks) {
    struct run run = {.script = script, .epoch_ticks = epoch_ticks, .draws = script->schedule.seed};
    struct buffer events = {0};
    InitializeCriticalSection(&run.lock);
    InitializeConditionVariable(&run.turned);
    if (script->has_markers) marker_enable();
    start_lanes(&run);
    process_start_job();
    if (!run_start_watch(&run)) run_time_out(&run, NULL, LITERAL("no thread could be created for the time-outs"));
    for (size_t i = 0; i < script->item_count && !run.is_broken; i++) {
        const struct script_item *item = &script->items[i];
        if (item->is_parallel) {
            run_block(&run, item);
        } else {
            run_step(&run, item);
        }
        /* The next step's beginning says the same at the same moment, and each marker costs the guest half a
         * millisecond. A block begins later: first its actors are started. */
        bool is_followed = i + 1 < script->item_count && !script->items[i + 1].is_parallel && !run.is_broken;
        if (!is_followed) announce(&run, item, MARKER_END);
    }
    end_actors(&run);
    process_end_job();
    event_done(&events, !run.failed);
    output_finish_within(&events, LAST_WRITE_MS);
    return run.failed ? CONDUCTOR_FAILED : CONDUCTOR_OK;
}

static int refuse(unsigned line, struct text what) {
    struct buffer events = {0};
    event_error(&events, NULL, line, what);
    event_done(&events, false);
    output_finish_within(&events, LAST_WRITE_MS);
    return CONDUCTOR_BAD_SCRIPT;
}

/* A stdin that nobody closes must not keep this process for ever. */
static DWORD WINAPI limit_reading(void *parameter) {
    (void)parameter;
    Sleep(READ_LIMIT_MS);
    if (!script_is_read) {
        refuse(0, LITERAL("the script on stdin has no end: close it within 60000 ms"));
        process_leave(CONDUCTOR_BAD_SCRIPT);
    }
    return 0;
}

static bool start_limit(void) {
    HANDLE thread = CreateThread(NULL, 0, limit_reading, NULL, 0, NULL);
    if (thread) CloseHandle(thread);
    return thread != NULL;
}

static uint32_t read_script(const wchar_t *path, struct buffer *source) {
    HANDLE file = GetStdHandle(STD_INPUT_HANDLE);
    if (path) file = CreateFileW(path, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, NULL);
    if (file == INVALID_HANDLE_VALUE || (!path && !start_limit())) return GetLastError();
    uint32_t error = pipe_read_all(file, SCRIPT_BYTES_MAX, source);
    script_is_read = true;
    if (path) CloseHandle(file);
    return error;
}

int conductor_run(const wchar_t *path) {
    struct buffer source = {0}, text = {0};
    struct script script;
    struct script_fault fault = {0};
    int64_t epoch_ticks = clock_ticks();
    clock_start(epoch_ticks);
    output_start(stdout_lost);
    event_hello(&text, GetCurrentProcessId());
    output_flush(&text);
    uint32_t error = read_script(path, &source);
    if (error) {
        buffer_format(&text, "the script cannot be read: Win32 error %u (it may have 536870912 bytes at most)", error);
        return refuse(0, (struct text){text.at, text.length});
    }
    if (!script_parse(&script, (struct text){source.at, source.length}, &fault)) {
        return refuse(fault.line, (struct text){fault.what.at, fault.what.length});
    }
    return run_script(&script, epoch_ticks);
}
