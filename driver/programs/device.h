/* Opening the example device. */
#pragma once

#include <windows.h>

#include "example_ioctl.h"

/* Opens a name of the device, NULL for the device itself; INVALID_HANDLE_VALUE with the last error set on failure. */
static inline HANDLE
Device_Open(const WCHAR *name, DWORD access)
{
    WCHAR path[512];
    int length;

    length = name == NULL ? _snwprintf(path, ARRAYSIZE(path), L"%ls", EXAMPLE_DEVICE_PATH)
                          : _snwprintf(path, ARRAYSIZE(path), L"%ls\\%ls", EXAMPLE_DEVICE_PATH, name);
    if (length < 0 || length >= (int)ARRAYSIZE(path)) {
        SetLastError(ERROR_FILENAME_EXCED_RANGE);
        return INVALID_HANDLE_VALUE;
    }
    return CreateFileW(path, access, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING, 0, NULL);
}
