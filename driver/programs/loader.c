/*
 * loader [PATH [NAME]]: makes (or opens, if it exists) a kernel driver service, starts it, waits for Enter, stops
 * it and deletes it. PATH is example.sys beside this program unless given, NAME is Example.
 */
#include <stdio.h>
#include <wchar.h>

#include "console.h"

#define PROGRAM L"loader"
#define STOP_DEADLINE_MS 30000
#define STOP_POLL_MS 50

static BOOL
DefaultPath(WCHAR *path, DWORD size)
{
    DWORD length = GetModuleFileNameW(NULL, path, size);
    WCHAR *name;

    if (length == 0 || length >= size || (name = wcsrchr(path, L'\\')) == NULL) {
        return FALSE;
    }
    name[1] = 0;
    if (wcslen(path) + wcslen(L"example.sys") >= size) {
        return FALSE;
    }
    wcscat(path, L"example.sys");
    return TRUE;
}

/* NULL on failure, with the error printed. */
static SC_HANDLE
CreateOrOpen(SC_HANDLE manager, const WCHAR *name, const WCHAR *path)
{
    SC_HANDLE service;

    service = CreateServiceW(manager, name, name, SERVICE_START | SERVICE_STOP | SERVICE_QUERY_STATUS | DELETE,
                             SERVICE_KERNEL_DRIVER, SERVICE_DEMAND_START, SERVICE_ERROR_NORMAL, path, NULL, NULL,
                             NULL, NULL, NULL);
    if (service != NULL) {
        Console_Print(L"service %ls created\n", name);
        return service;
    }
    if (GetLastError() != ERROR_SERVICE_EXISTS) {
        Console_Fail(PROGRAM, L"CreateService", GetLastError());
        return NULL;
    }
    service = OpenServiceW(manager, name, SERVICE_START | SERVICE_STOP | SERVICE_QUERY_STATUS | DELETE);
    if (service == NULL) {
        Console_Fail(PROGRAM, L"OpenService", GetLastError());
        return NULL;
    }
    Console_Print(L"service %ls opened\n", name);
    return service;
}

static int
StopAndWait(SC_HANDLE service, const WCHAR *name)
{
    SERVICE_STATUS status;
    DWORD waited = 0;

    if (!ControlService(service, SERVICE_CONTROL_STOP, &status)) {
        return Console_Fail(PROGRAM, L"ControlService", GetLastError());
    }
    while (status.dwCurrentState != SERVICE_STOPPED) {
        if (waited >= STOP_DEADLINE_MS) {
            return Console_Fail(PROGRAM, L"waiting for the service to stop", ERROR_SERVICE_REQUEST_TIMEOUT);
        }
        Sleep(STOP_POLL_MS);
        waited += STOP_POLL_MS;
        if (!QueryServiceStatus(service, &status)) {
            return Console_Fail(PROGRAM, L"QueryServiceStatus", GetLastError());
        }
    }
    Console_Print(L"service %ls stopped\n", name);
    return EXIT_OK;
}

static int
StartUntilEnter(SC_HANDLE service, const WCHAR *name)
{
    char line[16];

    if (!StartServiceW(service, 0, NULL)) {
        return Console_Fail(PROGRAM, L"StartService", GetLastError());
    }
    Console_Print(L"service %ls started, press Enter to stop\n", name);
    Console_ReadLine(line, sizeof(line));
    return StopAndWait(service, name);
}

/* Deletes the service whatever became of it before: a failed start must not leave it behind. */
static int
Load(SC_HANDLE manager, const WCHAR *name, const WCHAR *path)
{
    SC_HANDLE service = CreateOrOpen(manager, name, path);
    int result;

    if (service == NULL) {
        return EXIT_FAILED;
    }
    result = StartUntilEnter(service, name);
    if (DeleteService(service)) {
        Console_Print(L"service %ls deleted\n", name);
    } else {
        result = Console_Fail(PROGRAM, L"DeleteService", GetLastError());
    }
    CloseServiceHandle(service);
    return result;
}

int
Program_Main(int argc, WCHAR **argv)
{
    const WCHAR *name = argc > 2 ? argv[2] : L"Example";
    static WCHAR path[MAX_PATH];
    SC_HANDLE manager;
    DWORD length;
    int result;

    if (argc > 3) {
        return Console_Usage(L"usage: loader [PATH [NAME]]\n");
    }
    if (argc > 1) {
        length = GetFullPathNameW(argv[1], ARRAYSIZE(path), path, NULL);
        if (length == 0 || length >= ARRAYSIZE(path)) {
            return Console_Fail(PROGRAM, L"GetFullPathName", length == 0 ? GetLastError() : ERROR_FILENAME_EXCED_RANGE);
        }
    } else if (!DefaultPath(path, ARRAYSIZE(path))) {
        return Console_Fail(PROGRAM, L"GetModuleFileName", GetLastError());
    }

    manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT | SC_MANAGER_CREATE_SERVICE);
    if (manager == NULL) {
        return Console_Fail(PROGRAM, L"OpenSCManager", GetLastError());
    }
    result = Load(manager, name, path);
    CloseServiceHandle(manager);
    return result;
}
