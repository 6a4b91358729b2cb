/*
 * What kernel32 has since Vista, by the means of Windows Server 2003: for ReactOS, which exports no more. The compiler
 * is told to include this before every source.
 */
#pragma once

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

/* A wait may end without a wake by its own contract, so this one ends after a millisecond; nobody is ever woken. */
BOOL older_sleep(CRITICAL_SECTION *section);
#define InitializeConditionVariable(variable) ((void)(variable))
#define WakeConditionVariable(variable) ((void)(variable))
#define WakeAllConditionVariable(variable) ((void)(variable))
#define SleepConditionVariableCS(variable, section, wait_ms) ((void)(variable), (void)(wait_ms), older_sleep(section))

/* A child gets the handles of its list, one child at a time, and no other's. */
BOOL older_list_new(void *list, SIZE_T *size);
BOOL older_list_set(void *list, const HANDLE *handles, SIZE_T size);
BOOL older_create_process(wchar_t *command_line, DWORD flags, void *environment, STARTUPINFOW *startup,
                          PROCESS_INFORMATION *created);
#define InitializeProcThreadAttributeList(list, count, flags, size) older_list_new(list, size)
#define UpdateProcThreadAttribute(list, flags, attribute, handles, size, previous, returned) \
    older_list_set(list, handles, size)
#define DeleteProcThreadAttributeList(list) ((void)(list))
#define SetHandleInformation(handle, mask, flags) ((handle) != NULL)
#define CreateProcessW(program, command_line, process, thread, inherit, flags, environment, directory, startup, created) \
    older_create_process(command_line, flags, environment, startup, created)

/* Every request of this thread on the handle: one alone cannot be cancelled. */
#define CancelIoEx(handle, overlapped) ((void)(overlapped), CancelIo(handle))

/* Enough for a difference of less than 49 days. */
#define GetTickCount64() ((ULONGLONG)GetTickCount())

#define CompareStringOrdinal(a, a_length, b, b_length, ignore_case) \
    CompareStringW(LOCALE_INVARIANT, (ignore_case) ? NORM_IGNORECASE : 0, a, a_length, b, b_length)
