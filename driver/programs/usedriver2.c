/* usedriver2 NAME: sends each line typed, with its NUL, through that name of the device. */
#include <stdio.h>
#include <string.h>

#include "console.h"
#include "device.h"

#define PROGRAM L"usedriver2"

int
Program_Main(int argc, WCHAR **argv)
{
    static char line[4096];
    HANDLE device;

    if (argc != 2) {
        return Console_Usage(L"usage: usedriver2 NAME\n");
    }
    device = Device_Open(argv[1], GENERIC_WRITE);
    if (device == INVALID_HANDLE_VALUE) {
        return Console_Fail(PROGRAM, L"CreateFile", GetLastError());
    }
    Console_Print(L"ready, type lines to send to %ls\n", argv[1]);
    while (Console_ReadLine(line, sizeof(line))) {
        DWORD length = (DWORD)strlen(line) + 1;
        DWORD written = 0;
        if (!WriteFile(device, line, length, &written, NULL)) {
            DWORD error = GetLastError();
            CloseHandle(device);
            return Console_Fail(PROGRAM, L"WriteFile", error);
        }
        Console_Print(L"sent %lu of %lu bytes\n", written, length);
    }
    if (!CloseHandle(device)) {
        return Console_Fail(PROGRAM, L"CloseHandle", GetLastError());
    }
    return EXIT_OK;
}
