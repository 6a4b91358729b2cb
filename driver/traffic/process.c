#include "process.h"

#include "logon.h"

#define PIPE_BYTES (64u * 1024u)

static HANDLE job;

void process_leave(uint32_t code) {
    TerminateProcess(GetCurrentProcess(), code);
    for (;;) Sleep(INFINITE);
}

void process_start_job(void) {
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = {0};
    limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
    job = CreateJobObjectW(NULL, NULL);
    if (!job) return;
    if (!SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limits, sizeof(limits))) {
        CloseHandle(job);
        job = NULL;
    }
}

void process_end_job(void) {
    if (job) TerminateJobObject(job, 1);
}

/* Ends of the three pipes that go to the child. */
struct far_ends {
    HANDLE input, output, errors;
};

/* Of a call that failed: never 0. */
static uint32_t last_error(void) {
    uint32_t error = GetLastError();
    return error ? error : ERROR_GEN_FAILURE;
}

static void close_handle(HANDLE *handle) {
    if (*handle) CloseHandle(*handle);
    *handle = NULL;
}

static void close_far_ends(struct far_ends *ends, bool pipe_errors) {
    close_handle(&ends->input);
    close_handle(&ends->output);
    if (pipe_errors) close_handle(&ends->errors);
}

static void close_near_ends(struct child *child) {
    close_handle(&child->input);
    close_handle(&child->output);
    close_handle(&child->errors);
}

static bool inherit(HANDLE handle) {
    return SetHandleInformation(handle, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT);
}

static bool open_pipes(bool pipe_errors, struct child *child, struct far_ends *ends) {
    if (!CreatePipe(&ends->input, &child->input, NULL, PIPE_BYTES) || !inherit(ends->input)) return false;
    if (!CreatePipe(&child->output, &ends->output, NULL, PIPE_BYTES) || !inherit(ends->output)) return false;
    if (pipe_errors) return CreatePipe(&child->errors, &ends->errors, NULL, PIPE_BYTES) && inherit(ends->errors);
    /* Our own stderr may be missing or not inheritable: the child then has none. */
    ends->errors = GetStdHandle(STD_ERROR_HANDLE);
    if (ends->errors == INVALID_HANDLE_VALUE || (ends->errors && !inherit(ends->errors))) ends->errors = NULL;
    return true;
}

static bool create(wchar_t *command_line, wchar_t *environment, const struct far_ends *ends,
                   LPPROC_THREAD_ATTRIBUTE_LIST attributes, PROCESS_INFORMATION *created) {
    HANDLE inherited[3] = {ends->input, ends->output, ends->errors};
    size_t count = ends->errors ? 3 : 2;
    STARTUPINFOEXW startup = {0};
    startup.StartupInfo.cb = sizeof(startup);
    startup.StartupInfo.dwFlags = STARTF_USESTDHANDLES;
    startup.StartupInfo.hStdInput = ends->input;
    startup.StartupInfo.hStdOutput = ends->output;
    startup.StartupInfo.hStdError = ends->errors;
    startup.lpAttributeList = attributes;
    if (!UpdateProcThreadAttribute(attributes, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, inherited,
                                   count * sizeof(HANDLE), NULL, NULL)) {
        return false;
    }
    /* Suspended until it is in the job, so that what it starts is in the job too. Detached: a console for each
     * of up to 64 children costs more than the children. */
    return CreateProcessW(NULL, command_line, NULL, NULL, TRUE,
                          CREATE_SUSPENDED | DETACHED_PROCESS | EXTENDED_STARTUPINFO_PRESENT |
                              CREATE_UNICODE_ENVIRONMENT, environment, NULL,
                          &startup.StartupInfo, created);
}

static uint32_t create_with_list(wchar_t *command_line, wchar_t *environment, const struct far_ends *ends,
                                 PROCESS_INFORMATION *created) {
    SIZE_T size = 0;
    uint32_t error = 0;
    InitializeProcThreadAttributeList(NULL, 1, 0, &size);
    LPPROC_THREAD_ATTRIBUTE_LIST attributes = memory_new(size);
    if (!InitializeProcThreadAttributeList(attributes, 1, 0, &size)) {
        error = last_error();
    } else {
        if (!create(command_line, environment, ends, attributes, created)) error = last_error();
        DeleteProcThreadAttributeList(attributes);
    }
    memory_free(attributes);
    return error;
}

static uint32_t create_for(struct text user, wchar_t *command_line, wchar_t *environment, const struct far_ends *ends,
                           PROCESS_INFORMATION *created) {
    STARTUPINFOW startup = {.cb = sizeof(startup),
                            .dwFlags = STARTF_USESTDHANDLES,
                            .hStdInput = ends->input,
                            .hStdOutput = ends->output,
                            .hStdError = ends->errors};
    return logon_create(user, command_line, environment, &startup, created);
}

uint32_t process_start(struct text user, wchar_t *command_line, wchar_t *environment, bool pipe_errors,
                       struct child *child) {
    struct far_ends ends = {0};
    PROCESS_INFORMATION created = {0};
    uint32_t error;
    *child = (struct child){0};
    if (open_pipes(pipe_errors, child, &ends)) {
        error = user.length > 0 ? create_for(user, command_line, environment, &ends, &created)
                                : create_with_list(command_line, environment, &ends, &created);
    } else {
        error = last_error();
    }
    close_far_ends(&ends, pipe_errors);
    if (error) {
        close_near_ends(child);
        return error;
    }
    if (job) AssignProcessToJobObject(job, created.hProcess);
    child->process = created.hProcess;
    child->thread = created.hThread;
    child->pid = created.dwProcessId;
    return 0;
}

void process_go(struct child *child) {
    ResumeThread(child->thread);
    close_handle(&child->thread);
}

/* cmd.exe and other programs with their own ideas of a command line see plain words as they are. */
static bool is_plain(struct text argument) {
    for (size_t i = 0; i < argument.length; i++) {
        char c = argument.at[i];
        if (c == ' ' || c == '\t' || c == '\n' || c == '\v' || c == '"') return false;
    }
    return argument.length > 0;
}

static void quote(struct buffer *line, struct text argument) {
    size_t slashes = 0;
    if (is_plain(argument)) {
        buffer_append(line, argument.at, argument.length);
        return;
    }
    buffer_append(line, "\"", 1);
    for (size_t i = 0; i < argument.length; i++) {
        if (argument.at[i] == '\\') {
            slashes++;
        } else {
            /* Backslashes count only in front of a quote, and there they are doubled. */
            for (size_t n = argument.at[i] == '"' ? slashes + 1 : 0; n > 0; n--) buffer_append(line, "\\", 1);
            slashes = 0;
        }
        buffer_append(line, argument.at + i, 1);
    }
    while (slashes-- > 0) buffer_append(line, "\\", 1);
    buffer_append(line, "\"", 1);
}

wchar_t *process_quote(struct arena *arena, const struct text *arguments, size_t count) {
    struct buffer line = {0};
    for (size_t i = 0; i < count; i++) {
        if (i > 0) buffer_append(&line, " ", 1);
        quote(&line, arguments[i]);
    }
    wchar_t *wide = text_to_wide(arena, (struct text){line.at, line.length});
    buffer_free(&line);
    return wide;
}

wchar_t *process_actor_command(struct arena *arena, int64_t epoch_ticks, struct text raw_name) {
    const size_t path_max = 32768;
    struct buffer tail = {0};
    /* An absolute path holds no quote, so it needs no more than quotes around it. */
    buffer_format(&tail, "\" actor %d %t", epoch_ticks, raw_name);
    wchar_t *command = arena_take(arena, (1 + path_max + tail.length + 1) * sizeof(wchar_t));
    command[0] = '"';
    size_t length = 1 + GetModuleFileNameW(NULL, command + 1, (DWORD)path_max);
    for (size_t i = 0; i < tail.length; i++) command[length++] = (wchar_t)tail.at[i];
    command[length] = 0;
    buffer_free(&tail);
    return command;
}
