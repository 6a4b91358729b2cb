#include "actor.h"

#include "clock.h"
#include "device.h"
#include "pipe.h"
#include "process.h"

#define FLUSH_BYTES (8u * 1024u)
/* 64 processes that look after their results too often have no time for anything else. */
#define FLUSH_MS 200u

struct actor {
    struct text name;
    uint32_t pid;
    struct pipe_reader commands;
    struct device_handles handles;
    struct arena arena; /* of the operations in hand */
    struct op *list;
    size_t list_count, list_capacity;

    HANDLE list_running; /* manual-reset: the flusher works only then */
    CRITICAL_SECTION lock; /* for what follows */
    HANDLE out;
    struct buffer pending_out;
    int64_t busy_since; /* of the operation that is running; -1: none */
    bool busy_reported;
};

static void flush_locked(struct actor *actor) {
    uint32_t error = pipe_write(actor->out, actor->pending_out.at, actor->pending_out.length);
    actor->pending_out.length = 0;
    /* Without a conductor there is nobody to work for. */
    if (error) process_leave(1);
}

static void say(struct actor *actor, const char *line) {
    EnterCriticalSection(&actor->lock);
    buffer_format(&actor->pending_out, "%s\n", line);
    flush_locked(actor);
    LeaveCriticalSection(&actor->lock);
}

static void report_busy_locked(struct actor *actor) {
    buffer_format(&actor->pending_out, "!P %d\n", actor->busy_since);
    actor->busy_reported = true;
}

/* Results of a list wait in the buffer; this thread brings them out in time, and says which operation hangs. */
static DWORD WINAPI flusher(void *parameter) {
    struct actor *actor = parameter;
    for (;;) {
        WaitForSingleObject(actor->list_running, INFINITE);
        Sleep(FLUSH_MS);
        EnterCriticalSection(&actor->lock);
        bool is_long = actor->busy_since >= 0 && clock_now() - actor->busy_since >= FLUSH_MS * 1000;
        if (is_long && !actor->busy_reported) report_busy_locked(actor);
        if (actor->pending_out.length > 0) flush_locked(actor);
        LeaveCriticalSection(&actor->lock);
    }
}

static void begin(struct actor *actor) {
    EnterCriticalSection(&actor->lock);
    actor->busy_since = clock_now();
    actor->busy_reported = false;
    LeaveCriticalSection(&actor->lock);
}

static void report(struct actor *actor, const struct op *op, const struct outcome *outcome, bool now) {
    EnterCriticalSection(&actor->lock);
    actor->busy_since = -1;
    event_op(&actor->pending_out, op, actor->name, actor->pid, outcome);
    if (now || actor->pending_out.length >= FLUSH_BYTES) flush_locked(actor);
    LeaveCriticalSection(&actor->lock);
}

/* What comes now may be the last that this process does: everything known goes out first. */
static void announce_end(struct actor *actor) {
    EnterCriticalSection(&actor->lock);
    actor->busy_since = clock_now();
    report_busy_locked(actor);
    flush_locked(actor);
    LeaveCriticalSection(&actor->lock);
}

static void perform_exit(struct actor *actor, const struct op *op) {
    announce_end(actor);
    process_leave(op->number);
}

static void perform_crash(struct actor *actor) {
    volatile int *nowhere = (volatile int *)(uintptr_t)8;
    announce_end(actor);
    *nowhere = 1;
}

static bool perform_barrier(struct actor *actor, struct outcome *outcome) {
    struct text answer;
    outcome->t0 = clock_now();
    EnterCriticalSection(&actor->lock);
    buffer_format(&actor->pending_out, "!P %d\n!B\n", outcome->t0);
    actor->busy_reported = true;
    flush_locked(actor);
    LeaveCriticalSection(&actor->lock);
    if (!pipe_read_line(&actor->commands, &answer)) process_leave(0);
    outcome->t1 = clock_now();
    outcome->ok = text_is(answer, "b1");
    if (!outcome->ok) outcome->what = "the barrier is broken: an actor that it needs cannot come";
    return outcome->ok;
}

/* False: the rest of the list makes no sense. */
static bool perform(struct actor *actor, const struct op *op, bool report_now) {
    struct outcome outcome = {0};
    bool go_on = true;
    begin(actor);
    switch (op->kind) {
    case OP_EXIT: perform_exit(actor, op); break;
    case OP_CRASH: perform_crash(actor); break;
    case OP_BARRIER: go_on = perform_barrier(actor, &outcome); break;
    case OP_SLEEP:
        outcome.t0 = clock_now();
        Sleep(op->number);
        outcome.t1 = clock_now();
        outcome.ok = true;
        break;
    default: device_perform(&actor->handles, op, &outcome); break;
    }
    report(actor, op, &outcome, report_now);
    return go_on;
}

static void run_list(struct actor *actor) {
    bool go_on = true;
    SetEvent(actor->list_running);
    for (size_t i = 0; i < actor->list_count; i++) {
        bool is_last = i + 1 == actor->list_count;
        if (go_on) {
            go_on = perform(actor, &actor->list[i], is_last);
        } else {
            int64_t now = clock_now();
            struct outcome skipped = {.t0 = now, .t1 = now, .skipped = true};
            report(actor, &actor->list[i], &skipped, is_last);
        }
    }
    ResetEvent(actor->list_running);
    actor->list_count = 0;
    arena_reset(&actor->arena);
}

static void parse(struct actor *actor, struct text line, struct op *op) {
    char *kept = arena_take(&actor->arena, line.length);
    memcpy(kept, line.at, line.length);
    struct text rest = {kept, line.length}, raw_id = {0};
    *op = (struct op){0};
    /* The conductor parsed the same text with the same code: a fault here is a bug, and ends the actor. */
    if (!token_next(&rest, &raw_id) || op_parse(&actor->arena, rest, op)) process_leave(2);
    op->id = token_decode(&actor->arena, raw_id);
}

static struct text behind_command(struct text line) {
    return line.length > 2 ? (struct text){line.at + 2, line.length - 2} : (struct text){0};
}

static void add_to_list(struct actor *actor, struct text line) {
    array_reserve((void **)&actor->list, &actor->list_capacity, actor->list_count, sizeof(actor->list[0]));
    parse(actor, line, &actor->list[actor->list_count++]);
}

static void run_single(struct actor *actor, struct text line) {
    struct op op;
    parse(actor, line, &op);
    perform(actor, &op, true);
    arena_reset(&actor->arena);
}

static void obey(struct actor *actor, struct text line) {
    switch (line.length > 0 ? line.at[0] : 0) {
    case 'S': run_single(actor, behind_command(line)); break;
    case '+': add_to_list(actor, behind_command(line)); break;
    case 'L': say(actor, "!l"); break;
    case 'G': run_list(actor); break;
    default: process_leave(2);
    }
}

int actor_run(struct text name, int64_t epoch_ticks) {
    struct actor actor = {.name = name,
                          .pid = GetCurrentProcessId(),
                          .commands.pipe = GetStdHandle(STD_INPUT_HANDLE),
                          .out = GetStdHandle(STD_OUTPUT_HANDLE),
                          .busy_since = -1};
    struct text line;
    clock_start(epoch_ticks);
    InitializeCriticalSection(&actor.lock);
    actor.list_running = CreateEventW(NULL, TRUE, FALSE, NULL);
    HANDLE thread = actor.list_running ? CreateThread(NULL, 0, flusher, &actor, 0, NULL) : NULL;
    if (!thread) return 1;
    CloseHandle(thread);
    say(&actor, "!r");
    while (pipe_read_line(&actor.commands, &line)) obey(&actor, line);
    return 0;
}
