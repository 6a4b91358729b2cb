/* traffic.exe run PATH | service ACTION NAME [PATH] | actor EPOCH NAME */
#include "actor.h"
#include "clock.h"
#include "conductor.h"
#include "event.h"
#include "pipe.h"
#include "process.h"
#include "service.h"

#define USAGE_EXIT 2
#define SERVICE_WAIT_MS 30000u
#define ARGUMENTS_MAX 8

static int usage(void) {
    static const char text[] = "usage: traffic.exe run PATH|-\n"
                               "       traffic.exe service create|reload NAME PATH\n"
                               "       traffic.exe service start|stop|delete|query NAME\n";
    pipe_write(GetStdHandle(STD_ERROR_HANDLE), text, sizeof(text) - 1);
    return USAGE_EXIT;
}

/* The next argument of the command line in place, NUL-terminated; NULL at the end. Quotes group, and no argument of
 * this program contains one. */
static wchar_t *next_argument(wchar_t **rest) {
    wchar_t *at = *rest, *out;
    bool quoted = false;
    while (*at == L' ' || *at == L'\t') at++;
    if (!*at) return NULL;
    wchar_t *argument = out = at;
    for (; *at && (quoted || (*at != L' ' && *at != L'\t')); at++) {
        if (*at == L'"') {
            quoted = !quoted;
        } else {
            *out++ = *at;
        }
    }
    *rest = *at ? at + 1 : at;
    *out = 0;
    return argument;
}

static bool is(const wchar_t *argument, const wchar_t *word) {
    return argument && lstrcmpW(argument, word) == 0;
}

static struct text narrow(const wchar_t *wide) {
    int size = WideCharToMultiByte(CP_UTF8, 0, wide, -1, NULL, 0, NULL, NULL);
    char *bytes = memory_new((size_t)(size > 0 ? size : 1));
    WideCharToMultiByte(CP_UTF8, 0, wide, -1, bytes, size, NULL, NULL);
    return text_from(bytes);
}

static int run_actor(wchar_t **arguments) {
    struct arena arena = {0};
    uint64_t epoch_ticks;
    if (!arguments[1] || !arguments[2] || !text_decimal_64(narrow(arguments[1]), &epoch_ticks)) return usage();
    return actor_run(token_decode(&arena, narrow(arguments[2])), (int64_t)epoch_ticks);
}

static int run_service(wchar_t **arguments) {
    enum service_action action;
    struct buffer event = {0};
    if (!arguments[1] || !arguments[2] || !service_action_find(narrow(arguments[1]), &action)) return usage();
    if (service_action_has_path(action) != (arguments[3] != NULL)) return usage();
    clock_start(clock_ticks());
    struct op op = {.kind = OP_SERVICE, .id = LITERAL("-"), .handle = narrow(arguments[2]), .number = action};
    struct outcome outcome = {.t0 = clock_now()};
    struct service_result result = service_perform(action, arguments[2], arguments[3], NULL, SERVICE_WAIT_MS);
    outcome.t1 = clock_now();
    outcome.ok = result.error == 0;
    outcome.error = result.error;
    outcome.part = result.part;
    outcome.state = result.state;
    event_op(&event, &op, LITERAL("-"), GetCurrentProcessId(), &outcome);
    uint32_t error = pipe_write(GetStdHandle(STD_OUTPUT_HANDLE), event.at, event.length);
    return outcome.ok && !error ? 0 : 1;
}

/* A crash ends the process at once with the exception as its exit code: no dialog, no debugger in between. */
static LONG WINAPI end_by_exception(EXCEPTION_POINTERS *exception) {
    TerminateProcess(GetCurrentProcess(), exception->ExceptionRecord->ExceptionCode);
    return EXCEPTION_EXECUTE_HANDLER;
}

static int run(wchar_t **arguments) {
    if (is(arguments[0], L"actor")) return run_actor(arguments);
    if (is(arguments[0], L"service")) return run_service(arguments);
    if (!is(arguments[0], L"run") || !arguments[1] || arguments[2]) return usage();
    return conductor_run(is(arguments[1], L"-") ? NULL : arguments[1]);
}

__attribute__((noreturn)) void traffic_entry(void) {
    wchar_t *rest = GetCommandLineW(), *arguments[ARGUMENTS_MAX + 1] = {0};
    /* Inherited by the programs of the user: they crash without a dialog too. */
    SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX);
    SetUnhandledExceptionFilter(end_by_exception);
    next_argument(&rest);
    for (size_t i = 0; i < ARGUMENTS_MAX; i++) arguments[i] = next_argument(&rest);
    process_leave((uint32_t)run(arguments));
}
