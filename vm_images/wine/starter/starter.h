/* starter: starts programs for a Unix process and tells it how they end, with their whole 32-bit exit codes.
 *
 * Wine's Unix exit status has eight bits only, and a Wine process costs much more to start than a request to one
 * that runs already: one starter stays resident and takes requests, one line each, from its standard input:
 *
 *   start ID STDIN STDOUT STDERR DIRECTORY COMMAND [NAME=VALUE...]
 *   kill ID       ends everything that ID has started
 *   break ID      sends it Ctrl-Break; what has no handler for that ends
 *
 * and answers on its standard output:
 *
 *   started ID PID       failed ID ERROR (Win32)       exited ID CODE
 *
 * Tokens are UTF-8 with %XX for blanks, percent signs and control characters; an empty token is "%". STDIN, STDOUT
 * and STDERR are Unix paths. At the end of its input it kills what it started and ends. */
#ifndef STARTER_H
#define STARTER_H

#include <windows.h>

enum { MAX_LINE = 128 * 1024, MAX_VARIABLES = 256, MAX_TASKS = 64 };

struct request {
    const WCHAR *verb, *id;
    const WCHAR *input, *output, *error; /* Unix paths */
    const WCHAR *directory, *command;
    const WCHAR *variables[MAX_VARIABLES];
    unsigned variable_count;
};

/* Splits and decodes a line (UTF-8, NUL-terminated, changed on the way) into `text`. FALSE: not a request. */
BOOL request_parse(char *line, WCHAR *text, size_t text_size, struct request *request);

/* The environment of this process with the request's variables set, for CreateProcess; NULL if out of memory. */
WCHAR *environment_with(const struct request *request);

/* Answers: one line, one write. */
void answer(const char *what, const WCHAR *id, DWORD number);

void task_start(const struct request *request);
void task_kill(const WCHAR *id);
void task_break(const WCHAR *id);
void task_kill_all(void);

#endif
