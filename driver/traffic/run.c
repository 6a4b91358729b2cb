#include "run.h"

#include "clock.h"
#include "output.h"

#define TICK_MS 50u
#define START_LIMIT_US (60 * 1000000ll)
#define STUCK_MS 3000u

static __attribute__((noreturn)) void park(void) {
    for (;;) Sleep(INFINITE);
}

void run_lock(struct run *run) {
    EnterCriticalSection(&run->lock);
}

void run_unlock(struct run *run) {
    LeaveCriticalSection(&run->lock);
}

static void wait_for(struct run *run, CONDITION_VARIABLE *change, DWORD wait_ms) {
    SleepConditionVariableCS(change, &run->lock, wait_ms);
    if (!run->ending) return;
    run_unlock(run);
    park();
}

void run_wait(struct run *run, struct lane *lane) {
    wait_for(run, &lane->changed, INFINITE);
}

void run_wait_turned(struct run *run, uint32_t wait_ms) {
    wait_for(run, &run->turned, wait_ms);
}

void run_emit(struct run *run, struct buffer *events) {
    if (!run->ending && events->length > 0) output_flush(events);
    events->length = 0;
}

void run_fail(struct run *run) {
    run_lock(run);
    run->failed = true;
    run_unlock(run);
}

static bool has_process(const struct lane *lane) {
    return lane->child.process && lane->state != LANE_GONE;
}

static void list_pending(const struct run *run, struct buffer *event) {
    const char *comma = "";
    int64_t now = clock_now();
    for (size_t i = 0; i < run->lane_count; i++) {
        const struct lane *lane = &run->lanes[i];
        int64_t since = lane->active_since;
        if (lane->state == LANE_STARTING) {
            since = lane->started_at;
        } else if (!lane->active && !(has_process(lane) && run->closing)) {
            continue;
        }
        buffer_format(event, "%s{\"actor\":%j,\"id\":", comma, lane->name);
        if (lane->active) {
            buffer_format(event, "%j,\"op\":\"%s\"", lane->active->id,
                          lane->state == LANE_STARTING ? "start" : op_name(lane->active->kind));
        } else {
            buffer_format(event, "null,\"op\":\"%s\"", lane->state == LANE_STARTING ? "start" : "end");
        }
        buffer_format(event, ",\"for_ms\":%d}", (now - since) / 1000);
        comma = ",";
    }
}

static void end_processes(struct run *run) {
    for (size_t i = 0; i < run->lane_count; i++) {
        if (has_process(&run->lanes[i])) TerminateProcess(run->lanes[i].child.process, 1);
    }
    process_end_job();
}

/* The exits of the ended processes, and complaints about those that a driver keeps from ending. */
static void report_ends(struct run *run, struct buffer *events) {
    int64_t limit = clock_now() + STUCK_MS * 1000;
    for (size_t i = 0; i < run->lane_count; i++) {
        struct lane *lane = &run->lanes[i];
        DWORD code = 0;
        if (!lane->child.process || lane->end_reported) continue;
        int64_t left_ms = (limit - clock_now()) / 1000;
        if (WaitForSingleObject(lane->child.process, left_ms > 0 ? (DWORD)left_ms : 0) == WAIT_OBJECT_0) {
            GetExitCodeProcess(lane->child.process, &code);
            event_exit(events, lane->name, lane->child.pid, code, clock_now(), false);
            continue;
        }
        struct buffer what = {0};
        buffer_format(&what, "actor %t (process %u) was ended but does not go within %u ms: a driver holds it",
                      lane->name, lane->child.pid, STUCK_MS);
        event_error(events, NULL, 0, (struct text){what.at, what.length});
        buffer_free(&what);
    }
}

/* The lock may be held by somebody who is stuck in a write to our stdout. */
static bool lock_within(struct run *run, unsigned wait_ms) {
    for (; !TryEnterCriticalSection(&run->lock); wait_ms -= 10) {
        if (wait_ms < 10) return false;
        Sleep(10);
    }
    return true;
}

void run_time_out(struct run *run, const struct text *id, struct text what) {
    struct buffer events = {0};
    bool locked = lock_within(run, STUCK_MS);
    if (run->ending) {
        if (locked) run_unlock(run);
        park();
    }
    run->ending = true;
    buffer_format(&events, "{\"e\":\"timeout\",\"id\":");
    if (id) {
        buffer_format(&events, "%j", *id);
    } else {
        buffer_format(&events, "null");
    }
    buffer_format(&events, ",\"pending\":[");
    list_pending(run, &events);
    buffer_format(&events, "],\"what\":%j}\n", what);
    if (locked) run_unlock(run);
    output_flush_within(&events, STUCK_MS);
    end_processes(run);
    report_ends(run, &events);
    event_done(&events, false);
    output_finish_within(&events, STUCK_MS);
    process_leave(1);
}

static bool is_late(const struct lane *lane, int64_t now) {
    if (!lane->active || !lane->active_is_certain) return false;
    return now - lane->active_since >= lane->active->timeout_ms * 1000ll;
}

static void check(struct run *run) {
    struct text id = {0};
    bool has_id = false;
    struct buffer what = {0};
    run_lock(run);
    int64_t now = clock_now();
    for (size_t i = 0; i < run->lane_count && what.length == 0; i++) {
        const struct lane *lane = &run->lanes[i];
        if (lane->state == LANE_STARTING) {
            if (now - lane->started_at < START_LIMIT_US) continue;
            buffer_format(&what, "actor %t did not start within %u ms", lane->name, (uint32_t)(START_LIMIT_US / 1000));
        } else if (is_late(lane, now)) {
            id = lane->active->id;
            has_id = true;
            buffer_format(&what, "step %t takes longer than its %u ms", id, lane->active->timeout_ms);
        }
    }
    const struct script_item *item = run->item;
    if (what.length == 0 && item && item->is_parallel && now - run->item_since >= item->timeout_ms * 1000ll) {
        id = item->id;
        has_id = true;
        buffer_format(&what, "parallel block %t takes longer than its %u ms", id, item->timeout_ms);
    }
    if (what.length == 0 && now >= run->script->deadline_ms * 1000ll) {
        if (item) id = item->id;
        has_id = item != NULL;
        buffer_format(&what, "the script takes longer than its deadline of %u ms", run->script->deadline_ms);
    }
    run_unlock(run);
    if (what.length > 0) run_time_out(run, has_id ? &id : NULL, (struct text){what.at, what.length});
}

static DWORD WINAPI watch(void *run) {
    for (;;) {
        Sleep(TICK_MS);
        check(run);
    }
}

bool run_start_watch(struct run *run) {
    HANDLE thread = CreateThread(NULL, 0, watch, run, 0, NULL);
    if (thread) CloseHandle(thread);
    return thread != NULL;
}
