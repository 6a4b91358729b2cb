#define _GNU_SOURCE
#include "hosts.h"

#include <string.h>
#include <sys/wait.h>

#include "bytes.h"

enum { HOLD_WAITING = 1, HOLD_TAKEN = 2, HOLD_NOT_HANDLED = 3, HOLD_HANDLED = 4 };

static struct host *find(struct hosts *hosts, pid_t pid)
{
    for (size_t i = 0; i < HOSTS_MAX; i++)
        if (hosts->entries[i].process.pid == pid)
            return &hosts->entries[i];
    return NULL;
}

/* A place for one more; when all are taken the one without drivers that was silent for longest loses its. */
static struct host *make_room(struct hosts *hosts)
{
    struct host *least = NULL;
    for (size_t i = 0; i < HOSTS_MAX; i++) {
        struct host *host = &hosts->entries[i];
        if (!host->process.pid)
            return host;
        if (!host->drivers && !host->process.frozen && !host->ended && (!least || host->latest < least->latest))
            least = host;
    }
    if (least)
        hosts_forget(hosts, least);
    return least;
}

static struct host *add(struct hosts *hosts, const struct record *record)
{
    struct host *host = make_room(hosts);
    if (!host || !process_open(&host->process, record->unix_pid))
        return NULL;
    host->windows_pid = record->windows_pid;
    return host;
}

struct host *hosts_learn(struct hosts *hosts, const struct record *record)
{
    if (record->unix_pid <= 1)
        return NULL;
    struct host *host = find(hosts, record->unix_pid);
    if (!host && !(host = add(hosts, record)))
        return NULL;
    if (record->kind == RECORD_HOST) {
        host->landmarks = record->landmarks;
    } else if (record->kind == RECORD_GOODBYE) {
        host->ending = true;
    } else if (record->kind == RECORD_MODULE) {
        host->latest = ++hosts->heard;
        if (!record->is_builtin && !record->module.unload)
            host->drivers++;
        else if (!record->is_builtin && host->drivers)
            host->drivers--;
    }
    return host;
}

struct host *hosts_debuggee(struct hosts *hosts)
{
    struct host *best = NULL;
    for (size_t i = 0; i < HOSTS_MAX; i++) {
        struct host *host = &hosts->entries[i];
        if (!host->process.pid || host->ended)
            continue;
        if (!best || (host->drivers != 0) > (best->drivers != 0) ||
            ((host->drivers != 0) == (best->drivers != 0) && host->latest > best->latest))
            best = host;
    }
    return best;
}

void hosts_forget(struct hosts *hosts, struct host *host)
{
    breakpoints_forget(&hosts->breakpoints, &host->process);
    process_close(&host->process);
    memset(host, 0, sizeof *host);
}

/* --- stopping and running --- */

struct test {
    const struct hosts *hosts;
    const struct process *process;
};

static bool is_breakpoint(void *context, uint64_t address)
{
    const struct test *test = context;
    return breakpoints_at(&test->hosts->breakpoints, test->process, address);
}

static void note_trap(struct host *host)
{
    host->has_trapped = process_trapped(&host->process) >= 0;
}

bool hosts_freeze(struct hosts *hosts, struct host *host)
{
    struct test test = {hosts, &host->process};
    bool frozen = process_freeze(&host->process, is_breakpoint, &test);
    note_trap(host);
    return frozen;
}

void hosts_thaw(struct hosts *hosts, struct host *host)
{
    if (!host->process.frozen)
        return;
    bool stepping = host->process.resting.used;
    for (size_t i = 0; i < host->process.count; i++)
        stepping = stepping || host->process.threads[i].stepping;
    process_thaw(&host->process, stepping || breakpoints_any(&hosts->breakpoints, &host->process));
}

void hosts_release(struct hosts *hosts)
{
    for (unsigned handle = 1; handle <= BREAKPOINTS_MAX; handle++)
        breakpoints_clear(&hosts->breakpoints, handle);
    for (size_t i = 0; i < HOSTS_MAX; i++)
        if (hosts->entries[i].process.attached && hosts_freeze(hosts, &hosts->entries[i]))
            process_thaw(&hosts->entries[i].process, false);
}

void hosts_wait(struct hosts *hosts)
{
    int status;
    pid_t tid;
    while ((tid = waitpid(-1, &status, __WALL | WNOHANG)) > 0) {
        for (size_t i = 0; i < HOSTS_MAX; i++) {
            struct host *host = &hosts->entries[i];
            struct test test = {hosts, &host->process};
            if (!host->process.attached || !process_owns(&host->process, tid))
                continue;
            if (process_take(&host->process, tid, status, is_breakpoint, &test))
                hosts_freeze(hosts, host);
            break;
        }
    }
}

/* --- threads that wait --- */

bool hold_take(const struct host *host, const struct record *record)
{
    uint8_t hold[8];
    if (!record->hold || process_read(&host->process, record->hold, hold, sizeof hold) != sizeof hold)
        return false;
    if (get_u32(hold) != record->sequence || get_u32(hold + 4) != HOLD_WAITING)
        return false;
    put_u32(hold + 4, HOLD_TAKEN);
    return process_write(&host->process, record->hold + 4, hold + 4, 4) == 4;
}

void hold_release(const struct host *host, uint64_t hold, bool handled)
{
    uint8_t state[4];
    put_u32(state, handled ? HOLD_HANDLED : HOLD_NOT_HANDLED);
    process_write(&host->process, hold + 4, state, sizeof state);
}
