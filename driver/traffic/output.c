#include "output.h"

#include "pipe.h"

static CRITICAL_SECTION lock;
static HANDLE out;
static bool finished;
static void (*lost)(void);

void output_start(void (*on_lost)(void)) {
    InitializeCriticalSection(&lock);
    out = GetStdHandle(STD_OUTPUT_HANDLE);
    lost = on_lost;
}

void output_write(const char *lines, size_t length) {
    EnterCriticalSection(&lock);
    uint32_t error = finished ? 0 : pipe_write(out, lines, length);
    LeaveCriticalSection(&lock);
    if (error) lost();
}

void output_flush(struct buffer *lines) {
    output_write(lines->at, lines->length);
    lines->length = 0;
}

static bool flush_within(struct buffer *lines, unsigned wait_ms, bool is_last) {
    const unsigned slice_ms = 10;
    while (!TryEnterCriticalSection(&lock)) {
        if (wait_ms < slice_ms) return false;
        Sleep(slice_ms);
        wait_ms -= slice_ms;
    }
    uint32_t error = finished ? 0 : pipe_write(out, lines->at, lines->length);
    finished |= is_last;
    LeaveCriticalSection(&lock);
    lines->length = 0;
    return error == 0;
}

bool output_flush_within(struct buffer *lines, unsigned wait_ms) {
    return flush_within(lines, wait_ms, false);
}

bool output_finish_within(struct buffer *lines, unsigned wait_ms) {
    return flush_within(lines, wait_ms, true);
}
