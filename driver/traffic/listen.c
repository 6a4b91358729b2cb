#include "listen.h"

#include "barrier.h"
#include "clock.h"
#include "output.h"
#include "pipe.h"

#define ERRORS_LEFT_MS 1000u

/* Events for the operations that the process cannot report itself: the exit or crash that ended it, and the rest. */
static void report_rest(struct lane *lane, struct buffer *events, size_t from, size_t to, bool by_script) {
    int64_t now = clock_now();
    /* The last results of a list may be lost with the process: any of these may have begun since the last known one. */
    int64_t begun = lane->active ? lane->active_since : now;
    for (size_t i = from; i < to; i++) {
        const struct op *op = lane->ops[i];
        struct outcome outcome = {.t0 = begun, .t1 = now, .gone = true};
        if (i == from && by_script) {
            outcome = (struct outcome){.t0 = begun, .t1 = now, .ok = true, .has_code = true, .code = lane->exit_code};
        }
        event_op(events, op, lane->name, lane->child.pid, &outcome);
    }
}

void listen_report_end(struct lane *lane) {
    struct run *run = lane->run;
    struct buffer events = {0};
    DWORD code = 0;
    GetExitCodeProcess(lane->child.process, &code);
    run_lock(run);
    /* After a time-out whoever ends the processes reports them. */
    bool is_mine = !lane->end_reported && !run->ending;
    if (is_mine) lane->end_reported = true;
    size_t from = lane->done, to = lane->sent;
    const struct op *last = from < to ? lane->ops[from] : NULL;
    bool has_begun = last && lane->active == last && lane->active_is_certain;
    bool by_step = has_begun && (last->kind == OP_EXIT || last->kind == OP_CRASH);
    bool is_expected = lane->end_expected || by_step;
    lane->exit_code = code;
    lane->state = LANE_GONE;
    if (lane->waiting == WAITS_IN_PROCESS) lane->waiting = WAITS_NOT;
    if (from + by_step < to && !is_expected) run->failed = true;
    run_unlock(run);
    if (!is_mine) return;
    report_rest(lane, &events, from, to, by_step);
    event_exit(&events, lane->name, lane->child.pid, code, clock_now(), is_expected);
    run_emit(run, &events);
    buffer_free(&events);
    run_lock(run);
    if (last) lane->active = NULL;
    if (last) lane->done = to;
    lane->end_told = true;
    barrier_review(run);
    WakeAllConditionVariable(&lane->changed);
    run_unlock(run);
}

static void note_results(struct lane *lane, size_t count) {
    run_lock(lane->run);
    lane->done += count;
    lane->active = lane->done < lane->sent ? lane->ops[lane->done] : NULL;
    lane->active_since = clock_now();
    lane->active_is_certain = false;
    barrier_review(lane->run);
    if (lane->done == lane->sent) WakeAllConditionVariable(&lane->changed);
    run_unlock(lane->run);
}

static void obey_note(struct lane *lane, struct text line) {
    uint64_t since;
    run_lock(lane->run);
    switch (line.length > 1 ? line.at[1] : 0) {
    case 'r':
        lane->state = LANE_READY;
        lane->active_since = clock_now();
        break;
    case 'l': lane->loaded = true; break;
    case 'P':
        if (line.length > 3 && text_decimal_64((struct text){line.at + 3, line.length - 3}, &since)) {
            lane->active_since = (int64_t)since;
            lane->active_is_certain = true;
        }
        break;
    case 'B':
        if (lane->done < lane->sent) barrier_arrive(lane, WAITS_IN_PROCESS);
        break;
    }
    WakeAllConditionVariable(&lane->changed);
    run_unlock(lane->run);
}

/* Result lines that follow each other go out in one write, as they are. */
static void forward_lines(struct lane *lane, struct pipe_reader *reader) {
    struct text line;
    const char *first = NULL;
    size_t count = 0, length = 0;
    bool more = true;
    while (more) {
        more = pipe_take_line(reader, &line);
        bool is_result = more && line.length > 0 && line.at[0] == '{';
        if (is_result) {
            if (count++ == 0) first = line.at;
            length += line.length + 1;
            continue;
        }
        if (count > 0) {
            output_write(first, length);
            note_results(lane, count);
            count = length = 0;
        }
        if (more) obey_note(lane, line);
    }
}

static void hear(struct lane *lane, const struct pipe_reader *reader, size_t from) {
    const char *bytes = reader->buffer.at + from;
    size_t length = reader->buffer.length - from;
    run_lock(lane->run);
    if (lane->awaited.length > 0 && !lane->found) {
        struct buffer *heard = &lane->heard;
        size_t wanted = lane->awaited.length;
        buffer_append(heard, bytes, length);
        for (size_t i = 0; i + wanted <= heard->length && !lane->found; i++) {
            lane->found = memcmp(heard->at + i, lane->awaited.at, wanted) == 0;
        }
        /* What cannot be the beginning of the awaited text any more. */
        if (heard->length >= wanted) buffer_drop_front(heard, heard->length - wanted + 1);
        WakeAllConditionVariable(&lane->changed);
    }
    run_unlock(lane->run);
}

static void forward_bytes(struct lane *lane, struct pipe_reader *reader, bool is_errors) {
    struct buffer event = {0};
    while (pipe_read_more(reader)) {
        event_out(&event, lane->name, clock_now(), is_errors, reader->buffer.at + reader->used,
                  reader->buffer.length - reader->used);
        run_emit(lane->run, &event);
        if (!is_errors) hear(lane, reader, reader->used);
        reader->used = reader->buffer.length;
    }
    buffer_free(&event);
}

static DWORD WINAPI listen_to_errors(void *parameter) {
    struct lane *lane = parameter;
    struct pipe_reader reader = {.pipe = lane->child.errors};
    forward_bytes(lane, &reader, true);
    buffer_free(&reader.buffer);
    return 0;
}

static DWORD WINAPI listen_to_output(void *parameter) {
    struct lane *lane = parameter;
    struct pipe_reader reader = {.pipe = lane->child.output};
    if (lane_is_own_process(lane)) {
        while (pipe_read_more(&reader)) forward_lines(lane, &reader);
    } else {
        forward_bytes(lane, &reader, false);
    }
    buffer_free(&reader.buffer);
    WaitForSingleObject(lane->child.process, INFINITE);
    /* Bounded: a grandchild may hold that pipe for ever. */
    if (lane->error_reader) WaitForSingleObject(lane->error_reader, ERRORS_LEFT_MS);
    listen_report_end(lane);
    return 0;
}

uint32_t listen_start(struct lane *lane) {
    if (lane->child.errors) {
        lane->error_reader = CreateThread(NULL, 0, listen_to_errors, lane, 0, NULL);
        /* Without it the program's stderr is lost; the run is not. */
    }
    HANDLE thread = CreateThread(NULL, 0, listen_to_output, lane, 0, NULL);
    if (thread) {
        CloseHandle(thread);
        return 0;
    }
    uint32_t error = GetLastError();
    TerminateProcess(lane->child.process, 1);
    run_lock(lane->run);
    lane->state = LANE_GONE;
    lane->end_reported = lane->end_told = true;
    lane->run->failed = true;
    run_unlock(lane->run);
    return error;
}
