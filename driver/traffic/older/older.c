#include "older.h"

#undef SetHandleInformation
#undef CreateProcessW

#define HANDLES_MAX 3

struct list {
    HANDLE handles[HANDLES_MAX];
    size_t count;
};

static volatile LONG creating;

BOOL older_sleep(CRITICAL_SECTION *section) {
    LeaveCriticalSection(section);
    Sleep(1);
    EnterCriticalSection(section);
    return TRUE;
}

BOOL older_list_new(void *list, SIZE_T *size) {
    *size = sizeof(struct list);
    return list != NULL;
}

BOOL older_list_set(void *list, const HANDLE *handles, SIZE_T size) {
    struct list *filled = list;
    filled->count = size / sizeof(*handles);
    for (size_t i = 0; i < filled->count; i++) filled->handles[i] = handles[i];
    return TRUE;
}

static BOOL share(const struct list *list, DWORD inherit) {
    BOOL ok = TRUE;
    for (size_t i = 0; i < list->count; i++) ok &= SetHandleInformation(list->handles[i], HANDLE_FLAG_INHERIT, inherit);
    return ok;
}

BOOL older_create_process(wchar_t *command_line, DWORD flags, void *environment, STARTUPINFOW *startup,
                          PROCESS_INFORMATION *created) {
    const struct list *list = (const void *)((STARTUPINFOEXW *)startup)->lpAttributeList;
    startup->cb = sizeof(*startup);
    while (InterlockedExchange(&creating, TRUE)) Sleep(1);
    BOOL ok = share(list, HANDLE_FLAG_INHERIT) &&
              CreateProcessW(NULL, command_line, NULL, NULL, TRUE, flags & ~(DWORD)EXTENDED_STARTUPINFO_PRESENT,
                             environment, NULL, startup, created);
    DWORD error = GetLastError();
    share(list, 0);
    InterlockedExchange(&creating, FALSE);
    SetLastError(error);
    return ok;
}
