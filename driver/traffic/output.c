#include "output.h"

#include "pipe.h"

/* Whoever reads stdout pays for each piece: over WinRM it is an encrypted message. */
#define HOLD_BYTES (64u * 1024u)
#define HOLD_MS 200u

static CRITICAL_SECTION lock;
static CONDITION_VARIABLE has_lines;
static struct buffer held;
static bool is_held_back; /* somebody writes later what is held */
static HANDLE out;
static bool finished;
static void (*lost)(void);

static uint32_t write_held(void) {
    uint32_t error = finished ? 0 : pipe_write(out, held.at, held.length);
    held.length = 0;
    return error;
}

static DWORD WINAPI write_later(void *parameter) {
    (void)parameter;
    for (;;) {
        EnterCriticalSection(&lock);
        while (held.length == 0) SleepConditionVariableCS(&has_lines, &lock, INFINITE);
        uint32_t error = write_held();
        LeaveCriticalSection(&lock);
        if (error) lost();
        Sleep(HOLD_MS);
    }
}

void output_start(void (*on_lost)(void)) {
    InitializeCriticalSection(&lock);
    InitializeConditionVariable(&has_lines);
    out = GetStdHandle(STD_OUTPUT_HANDLE);
    lost = on_lost;
    HANDLE thread = CreateThread(NULL, 0, write_later, NULL, 0, NULL);
    is_held_back = thread != NULL;
    if (thread) CloseHandle(thread);
}

void output_write(const char *lines, size_t length) {
    EnterCriticalSection(&lock);
    buffer_append(&held, lines, length);
    bool is_due = !is_held_back || held.length >= HOLD_BYTES;
    uint32_t error = is_due ? write_held() : 0;
    LeaveCriticalSection(&lock);
    if (error) lost();
    if (!is_due) WakeConditionVariable(&has_lines);
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
    buffer_append(&held, lines->at, lines->length);
    uint32_t error = write_held();
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
