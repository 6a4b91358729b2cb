#include "clock.h"

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

static int64_t epoch;
static int64_t frequency;

int64_t clock_ticks(void) {
    LARGE_INTEGER ticks;
    QueryPerformanceCounter(&ticks);
    return ticks.QuadPart;
}

void clock_start(int64_t epoch_ticks) {
    LARGE_INTEGER ticks_per_second;
    QueryPerformanceFrequency(&ticks_per_second);
    frequency = ticks_per_second.QuadPart;
    epoch = epoch_ticks;
}

int64_t clock_now(void) {
    int64_t ticks = clock_ticks() - epoch;
    /* In two parts: the product of all ticks and a million overflows after some days of uptime. */
    return ticks / frequency * 1000000 + ticks % frequency * 1000000 / frequency;
}

int64_t clock_idle(void) {
    FILETIME idle, kernel, user;
    SYSTEM_INFO system;
    int64_t now = clock_now();
    /* Where the system does not say, all time may have been idle. */
    if (!GetSystemTimes(&idle, &kernel, &user)) return now;
    GetSystemInfo(&system);
    int64_t sum = ((int64_t)idle.dwHighDateTime << 32 | idle.dwLowDateTime) / 10;
    /* With one processor at work all the others are idle. */
    return sum - (int64_t)(system.dwNumberOfProcessors - 1) * now;
}
