#include "starter.h"

static const DWORD KILLED = 0xC000013A; /* STATUS_CONTROL_C_EXIT */

struct task {
    WCHAR id[64]; /* empty: the slot is free */
    HANDLE job, process;
    DWORD pid;
};

static struct task tasks[MAX_TASKS];
static SRWLOCK lock = SRWLOCK_INIT;

static struct task *find(const WCHAR *id)
{
    for (int i = 0; i < MAX_TASKS; i++)
        if (lstrcmpW(tasks[i].id, id) == 0)
            return &tasks[i];
    return NULL;
}

/* --- starting --- */

static HANDLE open_stream(const WCHAR *unix_path, DWORD access)
{
    WCHAR path[MAX_PATH];
    SECURITY_ATTRIBUTES inherit = {.nLength = sizeof inherit, .bInheritHandle = TRUE};
    if (lstrlenW(unix_path) > MAX_PATH - 16)
        return INVALID_HANDLE_VALUE;
    lstrcpyW(path, L"\\\\?\\unix");
    WCHAR *to = path + lstrlenW(path);
    for (const WCHAR *from = unix_path; *from; from++)
        *to++ = *from == '/' ? '\\' : *from;
    *to = 0;
    return CreateFileW(path, access, FILE_SHARE_READ | FILE_SHARE_WRITE, &inherit, OPEN_EXISTING, 0, NULL);
}

static void close_stream(HANDLE stream)
{
    if (stream != INVALID_HANDLE_VALUE)
        CloseHandle(stream);
}

static BOOL needs_shell(const WCHAR *command)
{
    for (; *command; command++)
        if (*command == '&' || *command == '|' || *command == '<' || *command == '>' || *command == '^' ||
            *command == '%')
            return TRUE;
    return FALSE;
}

static BOOL create(const WCHAR *command, const struct request *request, WCHAR *environment, STARTUPINFOW *startup,
                   PROCESS_INFORMATION *information)
{
    size_t size = ((size_t)lstrlenW(command) + 1) * sizeof *command;
    WCHAR *line = HeapAlloc(GetProcessHeap(), 0, size); /* CreateProcess writes into it */
    if (!line) {
        SetLastError(ERROR_NOT_ENOUGH_MEMORY);
        return FALSE;
    }
    CopyMemory(line, command, size);
    BOOL created = CreateProcessW(NULL, line, NULL, NULL, TRUE,
                                  CREATE_SUSPENDED | CREATE_UNICODE_ENVIRONMENT | CREATE_NEW_PROCESS_GROUP,
                                  environment, *request->directory ? request->directory : NULL, startup, information);
    DWORD error = GetLastError();
    HeapFree(GetProcessHeap(), 0, line);
    SetLastError(error);
    return created;
}

static BOOL create_through_shell(const struct request *request, WCHAR *environment, STARTUPINFOW *startup,
                                 PROCESS_INFORMATION *information)
{
    static const WCHAR prefix[] = L"cmd.exe /s /c \"";
    size_t size = sizeof prefix + ((size_t)lstrlenW(request->command) + 1) * sizeof *prefix;
    WCHAR *line = HeapAlloc(GetProcessHeap(), 0, size);
    if (!line)
        return FALSE;
    lstrcpyW(line, prefix);
    lstrcatW(line, request->command);
    lstrcatW(line, L"\"");
    BOOL created = create(line, request, environment, startup, information);
    DWORD error = GetLastError();
    HeapFree(GetProcessHeap(), 0, line);
    SetLastError(error);
    return created;
}

/* A program by itself where it can be: the shell would cost one process more. */
static BOOL create_either(const struct request *request, WCHAR *environment, STARTUPINFOW *startup,
                          PROCESS_INFORMATION *information)
{
    if (!needs_shell(request->command)) {
        if (create(request->command, request, environment, startup, information))
            return TRUE;
        DWORD error = GetLastError();
        if (error != ERROR_FILE_NOT_FOUND && error != ERROR_PATH_NOT_FOUND && error != ERROR_BAD_EXE_FORMAT)
            return FALSE;
    }
    return create_through_shell(request, environment, startup, information);
}

static BOOL launch(const struct request *request, PROCESS_INFORMATION *information)
{
    STARTUPINFOW startup = {.cb = sizeof startup, .dwFlags = STARTF_USESTDHANDLES};
    startup.hStdInput = open_stream(request->input, GENERIC_READ);
    startup.hStdOutput = open_stream(request->output, GENERIC_WRITE);
    startup.hStdError = open_stream(request->error, GENERIC_WRITE);
    WCHAR *environment = environment_with(request);

    BOOL created = FALSE;
    if (environment && startup.hStdInput != INVALID_HANDLE_VALUE && startup.hStdOutput != INVALID_HANDLE_VALUE &&
        startup.hStdError != INVALID_HANDLE_VALUE)
        created = create_either(request, environment, &startup, information);
    DWORD error = GetLastError();
    HeapFree(GetProcessHeap(), 0, environment);
    close_stream(startup.hStdInput);
    close_stream(startup.hStdOutput);
    close_stream(startup.hStdError);
    SetLastError(error);
    return created;
}

/* --- ending --- */

static DWORD WINAPI wait_for(void *argument)
{
    struct task *task = argument;
    WCHAR id[64];
    DWORD code = KILLED;
    WaitForSingleObject(task->process, INFINITE);
    GetExitCodeProcess(task->process, &code);

    AcquireSRWLockExclusive(&lock);
    lstrcpyW(id, task->id);
    CloseHandle(task->process);
    CloseHandle(task->job);
    task->id[0] = 0;
    ReleaseSRWLockExclusive(&lock);

    answer("exited", id, code);
    return 0;
}

static BOOL watch(struct task *task)
{
    HANDLE thread = CreateThread(NULL, 64 * 1024, wait_for, task, 0, NULL);
    if (!thread)
        return FALSE;
    CloseHandle(thread);
    return TRUE;
}

void task_start(const struct request *request)
{
    PROCESS_INFORMATION information;
    AcquireSRWLockExclusive(&lock);
    struct task *task = lstrlenW(request->id) < 64 ? find(L"") : NULL;
    if (!task || !launch(request, &information)) {
        DWORD error = task ? GetLastError() : ERROR_TOO_MANY_CMDS;
        ReleaseSRWLockExclusive(&lock);
        answer("failed", request->id, error);
        return;
    }
    lstrcpyW(task->id, request->id);
    task->process = information.hProcess;
    task->pid = information.dwProcessId;
    task->job = CreateJobObjectW(NULL, NULL);
    AssignProcessToJobObject(task->job, information.hProcess);
    answer("started", task->id, task->pid);
    if (!watch(task))
        TerminateProcess(task->process, KILLED);
    ResumeThread(information.hThread);
    CloseHandle(information.hThread);
    ReleaseSRWLockExclusive(&lock);
}

static void kill(const struct task *task)
{
    TerminateJobObject(task->job, KILLED);
    TerminateProcess(task->process, KILLED);
}

void task_kill(const WCHAR *id)
{
    AcquireSRWLockExclusive(&lock);
    const struct task *task = find(id);
    if (task)
        kill(task);
    ReleaseSRWLockExclusive(&lock);
}

void task_break(const WCHAR *id)
{
    AcquireSRWLockExclusive(&lock);
    const struct task *task = find(id);
    if (task && !GenerateConsoleCtrlEvent(CTRL_BREAK_EVENT, task->pid))
        kill(task);
    ReleaseSRWLockExclusive(&lock);
}

void task_kill_all(void)
{
    AcquireSRWLockExclusive(&lock);
    for (int i = 0; i < MAX_TASKS; i++)
        if (tasks[i].id[0])
            kill(&tasks[i]);
    ReleaseSRWLockExclusive(&lock);
}
