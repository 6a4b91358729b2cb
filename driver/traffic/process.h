/* Child processes with pipes, all in one job that ends with this process. */
#pragma once

#include "text.h"

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

/* Ends this process, at once and without a word to its other threads: ExitProcess waits for locks that they may hold
 * (under Wine one run in forty ended half a second late, killed with signal 9). Nothing here is left to tidy. */
void process_leave(uint32_t code) __attribute__((noreturn));

struct child {
    HANDLE process;
    HANDLE thread; /* its first one, until it goes */
    uint32_t pid;
    HANDLE input;  /* the child's stdin */
    HANDLE output; /* its stdout */
    HANDLE errors; /* its stderr; NULL: it shares ours */
};

/* Without a job (where the system refuses one) children are still ended one by one. */
void process_start_job(void);
void process_end_job(void);

/* 0, or the Win32 error. The child inherits its three standard handles and nothing else; it does nothing yet.
 * `user`: whose it is, empty for this program's own. `environment`: from environment_with, or NULL for this program's own. */
uint32_t process_start(struct text user, wchar_t *command_line, wchar_t *environment, bool pipe_errors,
                       struct child *child);
/* Lets it run. */
void process_go(struct child *child);

/* UTF-16, NUL-terminated, quoted as C runtimes on Windows split it. */
wchar_t *process_quote(struct arena *arena, const struct text *arguments, size_t count);
/* This program's own path, quoted, then ` actor EPOCH NAME`. */
wchar_t *process_actor_command(struct arena *arena, int64_t epoch_ticks, struct text raw_name);
